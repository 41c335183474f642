"""The share of blown-out pixels."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Metric, Port

CLIPPED_LEVEL = 254.5 / 255  # rounds to 255 in 8 bits


def clipped_share(image: Tensor) -> Tensor:
    """The share of pixels of which at least one channel is white in 8 bits, per image.

    Args:
        image: (N, C, H, W) in [0, 1].

    Returns:
        (N,), in [0, 1].
    """
    return (image >= CLIPPED_LEVEL).any(dim=1).to(image).mean(dim=(1, 2))


@final
class ClippedShare(Metric):
    r"""Measures how much of a picture has lost its highlights; lower is better.

    Formula: $\frac{1}{HW}\sum_{i,j} [\max_c x_{cij} \ge 254.5/255]$.
    Returns: (N,), in [0, 1], 0 exactly when no channel of any pixel is written as 255 in 8 bits.
    Scale: mean over height and width.
    Source: none; the share that a camera's highlight warning shows.
    Pitfalls: a lamp or a sun is clipped in the photo already: compare with the input's share. Washed-out skies that are
    pale but not white do not count.

    Example:
        >>> import torch
        >>> ClippedShare()(image=torch.tensor([0.2, 1.0]).view(1, 1, 1, 2))
        tensor([0.5000])
    """

    ports = {"image": Port("the image to measure", range=(0.0, 1.0), default="student.enhanced")}
    better = "lower"
    bounds = (0.0, 1.0)
    best_on = (0.5, "black", "constant")

    def forward(self, *, image: Tensor) -> Tensor:
        return clipped_share(image)
