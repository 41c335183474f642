"""The distance of an image's mean colour from grey."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Metric, Port


def color_cast(image: Tensor) -> Tensor:
    """The greatest difference between the means of two channels, per image.

    Args:
        image: (N, C, H, W) in [0, 1].

    Returns:
        (N,), in [0, 1].
    """
    means = image.mean(dim=(2, 3))
    return means.amax(dim=1) - means.amin(dim=1)


@final
class ColorCast(Metric):
    r"""Measures a tint over the whole picture; lower is better.

    Formula: $\max_c \bar x_c - \min_c \bar x_c$, the means of the channels over height and width.
    Returns: (N,), in [0, 1], 0 exactly when all channels have one mean.
    Scale: mean over height and width, then a difference of channels.
    Source: the grey-world assumption (Buchsbaum: A Spatial Processor Model for Object Colour Perception, 1980).
    Pitfalls: a meadow is green. It says something as a mean over many photos, and beside the input's value, which
    grows by brightening alone.

    Example:
        >>> import torch
        >>> ColorCast()(image=torch.tensor([0.5, 0.25, 0.375]).view(1, 3, 1, 1))
        tensor([0.2500])
    """

    ports = {"image": Port("the image to measure", range=(0.0, 1.0), default="student.enhanced")}
    better = "lower"
    bounds = (0.0, 1.0)
    best_on = ("grey", "black", "white")
    worsens_with = ("cast",)

    def forward(self, *, image: Tensor) -> Tensor:
        return color_cast(image)
