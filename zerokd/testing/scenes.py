"""The names in ``best_on`` and ``worsens_with``: scenes with the best value, and corruptions that worsen it.

Scenes and corruptions are built in [0, 1] and then scaled to the range of each port ([-1, 1] if it has none). A scene
may also be a number: every port is flat at that value.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of a corruption
FLAT_LEVEL_RANGE = (0.3, 0.7)  # of flat scenes: a corruption can brighten or darken


def _make_flat(noise: Tensor) -> Tensor:
    low, high = FLAT_LEVEL_RANGE
    return (low + (high - low) * noise[:, :, :1, :1]).expand_as(noise)


SCENES: dict[str, Callable[[Tensor], Tensor]] = {
    "identical": lambda noise: noise,  # the same image in all ports, as in every scene
    "constant": _make_flat,  # one colour
    "grey": lambda noise: _make_flat(noise[:, :1]).expand_as(noise),  # one level in all channels
    "black": torch.zeros_like,
    "white": torch.ones_like,
}


def _add_noise(image: Tensor, strength: float) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    grain = torch.rand(image.shape, generator=generator, dtype=torch.float64).to(image) - 0.5
    return (image + strength * 0.5 * grain).clamp(0, 1)


def _add_colour_cast(image: Tensor, strength: float) -> Tensor:
    tint = torch.ones(image.shape[1]).to(image)
    tint[1:] -= 0.6 * strength  # the first channel stays, the others fade
    return image * tint.view(1, -1, 1, 1)


def _blur(image: Tensor, strength: float) -> Tensor:
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    return torch.lerp(image, F.avg_pool2d(padded, 3, stride=1), strength)


CORRUPTIONS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "noise": _add_noise,
    "blur": _blur,
    "cast": _add_colour_cast,
    "darkening": lambda image, strength: image * (1 - 0.6 * strength),
    "brightening": lambda image, strength: image + (1 - image) * 0.6 * strength,
    "flattening": lambda image, strength: torch.lerp(image, image.mean(dim=(2, 3), keepdim=True), 0.9 * strength),
}

EXTREME_IMAGES: dict[str, Callable[[Tensor], Tensor]] = {
    "black": torch.zeros_like,
    "white": torch.ones_like,
    "grey": lambda noise: torch.full_like(noise, 0.3),
    "one colour": lambda noise: noise[:, :, :1, :1].expand_as(noise),
    "nearly black": lambda noise: noise**20,
    "nearly white": lambda noise: noise**0.05,
    "black and white": torch.round,
    "one bright pixel": lambda noise: (noise == noise.amax(dim=(1, 2, 3), keepdim=True)).to(noise),
    "denormal": lambda noise: noise * 1e-40,
}
