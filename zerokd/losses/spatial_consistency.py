"""Differences between neighbouring regions, kept by enhancement."""

from __future__ import annotations

from typing import Literal, final

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

import zerokd
from zerokd import Loss, Port
from zerokd.losses.exposure_control import patch_brightness

CELL_SIDE = 4  # side of a region, pixels; the published value

Padding = Literal["zeros", "replicate"]


def spatial_consistency(low: Tensor, enhanced: Tensor, padding: Padding = "zeros") -> Tensor:
    """Change of the differences between neighbouring 4x4 cells, per image.

    Args:
        low: (N, C, H, W) in [0, 1].
        enhanced: the same height and width.
        padding: what lies beyond the border: black cells, or a repeat of the border cell.

    Returns:
        (N,), in [0, 16]; 0 when both are equal, and with ``padding="replicate"`` also when they differ by a constant.
    """
    return _compare_cells(patch_brightness(low, CELL_SIDE), enhanced, padding)


def _compare_cells(cells: Tensor, enhanced: Tensor, padding: Padding) -> Tensor:
    # a difference of differences: the change of each cell, compared with the change of its neighbours
    change = patch_brightness(enhanced, CELL_SIDE) - cells
    beyond = F.pad(change, (1, 1, 1, 1), mode="constant" if padding == "zeros" else padding)
    up, down, left, right = beyond[..., :-2, 1:-1], beyond[..., 2:, 1:-1], beyond[..., 1:-1, :-2], beyond[..., 1:-1, 2:]
    neighbours = torch.cat([up, down, left, right], dim=1)
    return (change - neighbours).square().sum(dim=1).mean(dim=(1, 2))


@final
class SpatialConsistency(Loss):
    r"""Rewards keeping the differences between neighbouring regions, against lost contrast and invented structure.

    Formula: $\frac{1}{K}\sum_k \sum_{l \in \Omega(k)} \left((e_k - e_l) - (x_k - x_l)\right)^2$, $x$ and $e$ the
    channel mean of both images averaged in 4x4 cells, $\Omega(k)$ the four neighbours of cell $k$.
    Returns: (N,), in [0, 16], 0 exactly when enhanced equals low cell by cell; with ``padding = "replicate"`` exactly
    when they differ by one constant.
    Scale: mean over channels, the pixels of a cell, and cells; the four neighbours are summed, as in the paper.
    Source: Zero-DCE (Guo et al., CVPR 2020) and its released code. *Differs:* the paper compares absolute differences;
    the released code signed ones, and so does this.
    Pitfalls: the released zero padding compares border cells with black, so it also punishes their absolute
    brightening, more so in small crops; ``padding = "replicate"`` does not. The documented script swaps both images,
    which changes nothing.

    Example:
        >>> import torch
        >>> low, enhanced = torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.5)
        >>> SpatialConsistency()(low=low, enhanced=enhanced)
        tensor([0.5000])
        >>> SpatialConsistency(padding="replicate")(low=low, enhanced=enhanced)
        tensor([0.])
    """

    class Config(zerokd.Config):
        padding: Padding = Field("zeros", description="beyond the border: black (released) or the border cell again")

    ports = {
        "low": Port("the low-light input", range=(0.0, 1.0), default="low"),
        "enhanced": Port("the enhanced image", range=(0.0, 1.0), grad=True, default="student.enhanced", like="low"),
    }
    bounds = (0.0, 16.0)
    best_on = ("identical",)
    worsens_with = ("darkening",)
    examples = ({}, {"padding": "replicate"})

    def min_size(self) -> int:
        return CELL_SIDE if self.config.padding == "zeros" else 2 * CELL_SIDE

    def forward(self, *, low: Tensor, enhanced: Tensor) -> Tensor:
        return spatial_consistency(low, enhanced, self.config.padding)

    def prepare(self, *, low: Tensor) -> tuple[Tensor, ...]:
        """Return the brightness of each cell of the input."""
        return (patch_brightness(low, CELL_SIDE),)

    def compare(self, *low: Tensor, enhanced: Tensor) -> Tensor:
        """Return the value per image, from the brightness of each cell of the input."""
        (cells,) = low
        return _compare_cells(cells, enhanced, self.config.padding)
