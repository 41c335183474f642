"""Features with mean 0 and variance 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, final

import attrs
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Adapter, Signal


def normalize(features: Tensor, over: Literal["pixels", "all"] = "pixels", epsilon: float = 1e-5) -> Tensor:
    """Shift and scale features to mean 0 and variance 1, per image.

    Args:
        features: (N, C, H, W), any range.
        over: ``pixels`` for each channel by itself, ``all`` for all channels of an image together.
        epsilon: added to the variance.

    Returns:
        the same shape; 0 where there is no variance.
    """
    axes = (2, 3) if over == "pixels" else (1, 2, 3)
    centred = features - features.mean(dim=axes, keepdim=True)
    return centred / (centred.square().mean(dim=axes, keepdim=True) + epsilon).sqrt()


@final
class Normalize(Adapter):
    r"""Shifts and scales every tensor to mean 0 and variance 1, so that features of any scale are comparable.

    Formula: $\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}$, mean and variance over the pixels of a channel.

    The mean squared difference of two such tensors is $2 - 2r$, $r$ their Pearson correlation.
    Source: PKD (Cao et al., NeurIPS 2022). *Differs:* statistics of one image, not of the batch, on which a value must
    not depend.

    Example:
        >>> import torch
        >>> Normalize()({"student": torch.tensor([1.0, 5.0]).view(1, 1, 1, 2)})["student"].flatten()
        tensor([-1.0000,  1.0000])
    """

    class Config(zerokd.Config):
        over: Literal["pixels", "all"] = Field("pixels", description="each channel by itself, or all of an image")
        epsilon: float = Field(1e-5, gt=0.0, le=1.0, description="added to the variance: a flat channel becomes 0")

    is_per_port = True
    examples = ({}, {"over": "all"})
    example = ("student.features.e_conv1", "student.features.e_conv2")

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        return {
            port: attrs.evolve(signal, range=None, iterations=None, unchanged=None) for port, signal in signals.items()
        }

    def forward(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {port: normalize(tensor, self.config.over, self.config.epsilon) for port, tensor in tensors.items()}
