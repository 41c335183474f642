"""Computations that give one signal: a view, and the parameters of a model."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from attrs import frozen
from torch import Tensor, nn

from zerokd.objective.signal_name import LOW, PARAMETERS
from zerokd.objective.view import BoundView
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.ports import Signal


@frozen(eq=False)
class ViewCall:
    """One view of a signal: its augmentation, with the draws of each image where it has any."""

    view: BoundView
    source: str
    key: str
    is_fixed: bool = False

    @property
    def name(self) -> str:
        return f"signal {self.key!r}"

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.source, self.view.draws_name) if self.view.is_random else (self.source,)

    @property
    def described_by(self) -> tuple[str, ...]:
        """The signals that :meth:`describe` needs."""
        return (self.source,)

    @property
    def writes(self) -> tuple[str, ...]:
        return (self.key,)

    def compute(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        source = tensors[self.source]
        draws = tensors[self.view.draws_name] if self.view.is_random else source.new_empty(len(source), 0)
        with attribute_errors(self.name):
            return {self.key: self.view.augmentation.apply(source, draws)}

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        """An augmentation keeps the range of images, [0, 1]; of other signals the range is unknown."""
        source = signals.get(self.source, Signal())
        return {self.key: Signal(range=source.range if source.range == (0.0, 1.0) else None)}


@frozen(eq=False)
class ParameterVector:
    """All parameters of a model as one signal (N, P): the same for every image, so that a term's mean over the batch
    is its value of them."""

    owner: str
    network: nn.Module
    is_fixed: bool = False

    @property
    def name(self) -> str:
        return f"signal {self.writes[0]!r}"

    reads = described_by = (LOW,)

    @property
    def writes(self) -> tuple[str, ...]:
        return (f"{self.owner}.{PARAMETERS}",)

    def compute(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        flat = torch.cat([parameter.reshape(-1) for parameter in self.network.parameters()])
        return {self.writes[0]: flat.expand(len(tensors[LOW]), -1)}

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        return {self.writes[0]: Signal()}
