"""Embedded colour profiles: colours of a photo in sRGB."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

ICC_COLOUR_SPACES = {"RGB": "RGB ", "CMYK": "CMYK", "L": "GRAY"}  # Pillow's pixel modes, and the ICC's names for them
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


class ProfileError(Exception):
    """Why a colour profile cannot be used, in a few words."""


def convert_to_srgb(image: Image.Image, profile_data: bytes) -> Image.Image:
    """An 8-bit image with its colours converted from a profile to sRGB; an alpha channel is kept.

    An image without a profile, with one for sRGB, or with a palette is returned as it is.

    Raises:
        ProfileError: the profile is damaged, or describes another kind of pixels.
    """
    mode = image.mode.removesuffix("A").replace("a", "")
    if not profile_data or mode not in ICC_COLOUR_SPACES:
        return image
    try:
        profile = require_colour_space(profile_data, mode)
        if mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(profile):
            return image
        colours = image.convert(mode) if image.mode != mode else image
        rgb = ImageCms.profileToProfile(colours, profile, SRGB_PROFILE, outputMode="RGB")
    except (OSError, ImageCms.PyCMSError) as error:
        raise ProfileError("damaged colour profile") from error
    assert rgb is not None  # only a conversion in place returns None
    if image.mode != mode:
        rgb.putalpha(image.getchannel("A"))
    return rgb


def require_colour_space(profile_data: bytes, mode: str) -> ImageCms.ImageCmsProfile:
    """The profile in these bytes, for pixels of Pillow's ``mode``.

    Raises:
        ProfileError: it is damaged, or describes another kind of pixels.
    """
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(profile_data))
    except (OSError, ImageCms.PyCMSError) as error:
        raise ProfileError("damaged colour profile") from error
    if profile.profile.xcolor_space != ICC_COLOUR_SPACES[mode]:
        raise ProfileError(f"colour profile for {profile.profile.xcolor_space.strip()} in an image of {mode}")
    return profile
