"""A trainable projection of channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

import zerokd
from zerokd import Adapter, Signal


@final
class Project(Adapter):
    r"""Projects the first port, the student's, to the channels of the others, by a trainable 1x1 convolution.

    Formula: $y_{kij} = \sum_c w_{kc}\, x_{cij}$; the first weights are normal with variance 1/``channels``.

    The weights train with the student and serve the comparison alone: no export contains them. The other ports must
    have ``to`` channels, and pass as they are.
    Source: the regressor of FitNets (Romero et al., ICLR 2015). *Differs:* a window of 1x1 and no bias.

    Example:
        >>> import torch
        >>> tensors = {"student": torch.rand(1, 4, 2, 2), "teacher": torch.rand(1, 32, 2, 2)}
        >>> Project(channels=4, to=32)(tensors)["student"].shape
        torch.Size([1, 32, 2, 2])
    """

    class Config(zerokd.Config):
        channels: int = Field(ge=1, le=65536, description="channels of the first port", examples=[4])
        to: int = Field(ge=1, le=65536, description="channels of the other ports", examples=[32])
        seed: int = Field(0, ge=0, description="seed of the first weights")

    example = ("student.features.e_conv1", "teacher.features.e_conv1")
    examples = ({"channels": 4, "to": 6},)

    def __init__(self, **options: object):
        super().__init__(**options)
        generator = torch.Generator().manual_seed(self.config.seed)
        weight = torch.randn(self.config.to, self.config.channels, 1, 1, generator=generator)
        self.weight = nn.Parameter(weight / self.config.channels**0.5)

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        first, *others = signals
        counts = {port: signal.shape[0] for port, signal in signals.items()}
        wrong = [port for port in others if counts[port] != self.config.to]
        if counts[first] != self.config.channels or wrong:
            channels = ", ".join(f"{port} has {count}" for port, count in counts.items())
            remedy = f"channels = {counts[first]}, to = {counts[others[0]] if others else self.config.to}"
            raise ValueError(
                f"project takes {self.config.channels} channels to {self.config.to}, {channels}; write {remedy}"
            )
        projected = Signal(shape=(self.config.to, *signals[first].shape[1:]))
        return {port: projected if port == first else signal for port, signal in signals.items()}

    def forward(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        first = next(iter(tensors))
        return {**tensors, first: F.conv2d(tensors[first], self.weight)}
