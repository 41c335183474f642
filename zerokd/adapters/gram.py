"""Which channels are active together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor

from zerokd import Adapter, Signal


def gram(features: Tensor) -> Tensor:
    """The mean product of every two channels, per image, in float32 or wider outside autocast.

    Args:
        features: (N, C, H, W), any range.

    Returns:
        (N, 1, C, C), symmetric.
    """
    rows = features.to(torch.promote_types(features.dtype, torch.float32)).flatten(2)
    return (rows @ rows.transpose(1, 2) / rows.shape[2]).unsqueeze(1)


@final
class Gram(Adapter):
    r"""Replaces every tensor by the products of its channels, which describe texture and colour, whatever the place.

    Formula: $G_{kl} = \frac{1}{HW}\sum_{i,j} x_{kij}\, x_{lij}$, a tensor (N, 1, C, C).

    Sizes may differ; the number of channels must not.
    Source: the style representation of Gatys et al., CVPR 2016. *Differs:* a mean over pixels; the paper sums, and
    divides the squared difference by $4 C^2 H^2 W^2$, which is a quarter of ``mse`` on this.

    Example:
        >>> import torch
        >>> Gram()({"student": torch.tensor([[1.0, 3.0], [2.0, 0.0]]).view(1, 2, 1, 2)})["student"]
        tensor([[[[5., 1.],
                  [1., 2.]]]])
    """

    is_per_port = True
    example = ("student.features.e_conv1", "student.features.e_conv2")

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        counts = {port: signal.shape[0] for port, signal in signals.items()}
        if len(set(counts.values())) > 1:
            channels = " and ".join(f"{count} for {port}" for port, count in counts.items())
            raise ValueError(f"gram needs equal numbers of channels, got {channels}; project them first")
        return {port: Signal(shape=(1, count, count)) for port, count in counts.items()}

    def forward(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {port: gram(tensor) for port, tensor in tensors.items()}
