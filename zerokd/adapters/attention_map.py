"""Where a layer is active."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Adapter, Signal

EPSILON = 1e-12  # added to the mean square: a layer without any activity has an attention map of 0


def attention_map(features: Tensor, power: float = 2.0) -> Tensor:
    """Mean activity over channels, scaled to mean square 1 over the pixels of an image, in float32 or wider.

    Args:
        features: (N, C, H, W), any range.
        power: activity is the absolute value to this power.

    Returns:
        (N, 1, H, W), 0 or more.
    """
    wide = features.to(torch.promote_types(features.dtype, torch.float32))
    activity = wide.abs().pow(power).mean(dim=1, keepdim=True)
    return activity / (activity.square().mean(dim=(2, 3), keepdim=True) + EPSILON).sqrt()


@final
class AttentionMap(Adapter):
    r"""Replaces the channels of every tensor by one map of their activity, so that layers of any widths are comparable.

    Formula: $q / \sqrt{\frac{1}{HW}\sum_{i,j} q_{ij}^2}$ with $q_{ij} = \frac{1}{C}\sum_c |x_{cij}|^p$.
    Source: attention transfer (Zagoruyko and Komodakis, ICLR 2017), $p$ = 2. *Differs:* the map has mean square 1, not
    sum of squares 1, so that ``mse`` on it does not shrink with the number of pixels.

    Example:
        >>> import torch
        >>> AttentionMap()({"student": torch.tensor([[3.0, 0.0], [4.0, 0.0]]).view(1, 2, 1, 2)})["student"].flatten()
        tensor([1.4142, 0.0000])
    """

    class Config(zerokd.Config):
        power: float = Field(2.0, ge=1.0, le=8.0, description="activity is the absolute value to this power")

    is_per_port = True
    example = ("student.features.e_conv1", "teacher.features.e_conv1")

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        return {port: Signal(shape=(1, *signal.shape[1:])) for port, signal in signals.items()}

    def forward(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {port: attention_map(tensor, self.config.power) for port, tensor in tensors.items()}
