"""The brightness of zones: a guided filter of log brightness on 64x64 cells, applied to any part of the image."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.compiler import is_exporting
from torch.nn import functional as F

from zerokd.models.pyramid import COLUMNS, ROWS

LEVEL = 1 / 255  # one level of an 8-bit image
MAP_SIDE, MAP_RADIUS = 64, 3  # cells on a side, and to each side of the middle of a window
EDGE_VARIANCE = 0.15  # of log brightness: a window with more is an edge, which the map follows
LOG_OFFSET = 4 * LEVEL  # brightness is compared as log(v + offset)


class Region(NamedTuple):
    """The part of an image that a tile covers: its first row and column, both even, and the size of the image."""

    top: int
    left: int
    height: int
    width: int


def fit_brightness_map(value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Slope, offset and brightness of 64x64 zones of ``value`` (N, 1, H, W), each (N, 1, 64, 64): a guided filter of
    log brightness, which follows its strong edges and averages the rest."""
    size = value.shape[ROWS], value.shape[COLUMNS]
    rows, columns = (_cell_means(side, value) for side in size)
    logs = torch.log(value + LOG_OFFSET)[:, 0]
    grid = (rows @ logs @ columns.T)[:, None]
    mean, mean_square = _window_mean(grid), _window_mean(grid.square())
    variance = (mean_square - mean.square()).clamp(min=0)
    slope = variance / (variance + EDGE_VARIANCE)
    offset = mean - slope * mean
    return slope, offset, torch.exp(slope * grid + offset) - LOG_OFFSET


def _cell_means(size: int, like: Tensor) -> Tensor:
    """(64, size): row i averages the pixels that cell i covers, at least in part."""
    cell = torch.arange(MAP_SIDE, device=like.device)[:, None]
    pixel = torch.arange(size, device=like.device)
    covers = (pixel >= cell * size // MAP_SIDE) & (pixel < ((cell + 1) * size + MAP_SIDE - 1) // MAP_SIDE)
    weights = covers.to(like.dtype)
    return weights / weights.sum(1, keepdim=True)


def _window_mean(grid: Tensor) -> Tensor:
    padded = F.pad(grid, (MAP_RADIUS,) * 4, mode="replicate")
    return F.avg_pool2d(padded, 2 * MAP_RADIUS + 1, stride=1)


def zone_brightness(small: Tensor, slope: Tensor, offset: Tensor, region: Region) -> Tensor:
    """The brightness of each pixel's zone, from the maps of the whole image, interpolated between cells.

    Args:
        small: (N, 1, h, w), in [0, 1], the ``region`` at half size.
        slope, offset: (N, 1, 64, 64), of the whole image.
    """
    if is_exporting():  # a program has whole images
        size = small.shape[2:]
        local = [F.interpolate(cells, size, mode="bilinear", align_corners=False) for cells in (slope, offset)]
    else:
        rows = _cell_weights(small.shape[2], region.top // 2, (region.height + 1) // 2, small)
        columns = _cell_weights(small.shape[3], region.left // 2, (region.width + 1) // 2, small)
        local = [_interpolate(cells, rows, columns) for cells in (slope, offset)]
    local_slope, local_offset = local
    return torch.exp(local_slope * torch.log(small + LOG_OFFSET) + local_offset) - LOG_OFFSET


def _cell_weights(count: int, start: int, size: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For ``count`` pixels from ``start`` on, of ``size``: the two cells around each, and the weight of the second."""
    pixel = torch.arange(count, device=like.device) + start
    position = ((pixel.to(like.dtype) + 0.5) * (MAP_SIDE / size) - 0.5).clamp(0, MAP_SIDE - 1)
    first = position.floor().long()
    return first, (first + 1).clamp(max=MAP_SIDE - 1), position - first


def _interpolate(cells: Tensor, rows: tuple[Tensor, Tensor, Tensor], columns: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    upper, lower = cells.index_select(ROWS, rows[0]), cells.index_select(ROWS, rows[1])
    between = upper + rows[2][:, None] * (lower - upper)
    left, right = between.index_select(COLUMNS, columns[0]), between.index_select(COLUMNS, columns[1])
    return left + columns[2] * (right - left)
