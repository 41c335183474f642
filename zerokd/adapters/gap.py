"""Global average pooling over channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import attrs
from torch import Tensor

from zerokd import Adapter, Signal


@final
class Gap(Adapter):
    """Replaces the channels of every tensor by their mean, so that layers of any widths are comparable.

    It also averages equal channel counts: what a term compares must not depend on a model's width.
    Source: the documented feature matching. *Differs:* the released code averages only where channel counts differ.

    Example:
        >>> import torch
        >>> Gap()({"student": torch.tensor([1.0, 3.0]).view(1, 2, 1, 1)})
        {'student': tensor([[[[2.]]]])}
    """

    is_per_port = True

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        return {
            port: attrs.evolve(signal, shape=(1, *signal.shape[1:]), iterations=None)
            for port, signal in signals.items()
        }

    def forward(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {port: tensor.mean(dim=1, keepdim=True) for port, tensor in tensors.items()}
