"""Embedded colour profiles: a photo in the colours that it was meant to have."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

ICC_COLOUR_SPACES = {"RGB": "RGB ", "CMYK": "CMYK", "L": "GRAY"}  # Pillow's pixel types, and the ICC's words for them
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


class ProfileError(Exception):
    """Why a colour profile cannot be used, in a few words."""


def convert_to_srgb(image: Image.Image) -> Image.Image:
    """The image in sRGB, where it carries a profile of its own; transparency is kept.

    Palettes and pixels of more than 8 bits have no conversion here: their numbers are taken for sRGB.

    Raises:
        ProfileError: the profile is damaged, or made for another kind of pixels.
    """
    data = image.info.get("icc_profile")
    mode = image.mode.removesuffix("A").replace("a", "")
    if not data or mode not in ICC_COLOUR_SPACES:
        return image
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        if profile.profile.xcolor_space != ICC_COLOUR_SPACES[mode]:
            raise ProfileError(f"colour profile for {profile.profile.xcolor_space.strip()} in an image of {mode}")
        if mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(profile):
            return image
        colours = image.convert(mode) if image.mode != mode else image
        rgb = ImageCms.profileToProfile(colours, profile, SRGB_PROFILE, outputMode="RGB")
    except (OSError, ImageCms.PyCMSError) as error:
        raise ProfileError("damaged colour profile") from error
    assert rgb is not None  # only an image that is changed in place gives none
    if image.mode != mode:
        rgb.putalpha(image.getchannel("A"))
    return rgb
