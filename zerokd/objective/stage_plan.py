"""What an objective computes at each step, and a stage that trains on it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import field, frozen
from torch import nn

from zerokd.equation.equation import Equation
from zerokd.equation.expression import Series
from zerokd.errors import Place
from zerokd.objective.optimizer_plan import OptimizerPlan
from zerokd.objective.schedules import ParamValue
from zerokd.objective.signal_name import LOW
from zerokd.objective.term import BoundTerm
from zerokd.objective.view import BoundView
from zerokd.plugin.clock import Clock
from zerokd.plugin.contracts import Aggregator, Augmentation, Stage


@frozen(eq=False)
class ObjectivePlan:
    """An equation with the coefficient of each group, and the terms of those groups.

    ``weights`` belong to the terms inside their groups, ``step_masks`` mark the steps that compute each term (None: all
    steps); the keys of both are labels. A series is one number, or one number for every step of the ``clock``.
    ``idle_terms`` are the labels of terms whose weight is 0 at every step: nothing of them is computed.
    """

    name: str
    equation: Equation
    clock: Clock
    coefficients: dict[str, Series]
    weights: dict[str, Series]
    step_masks: dict[str, np.ndarray | None]
    terms: tuple[BoundTerm, ...]
    idle_terms: tuple[str, ...]
    place: Place
    params: Mapping[str, ParamValue] = field(factory=dict, kw_only=True)  # those that the equation may use
    unused_terms: tuple[BoundTerm, ...] = field(default=(), kw_only=True)  # the idle ones
    views: Mapping[str, BoundView] = field(factory=dict, kw_only=True)  # those that the terms may read
    fixed_inputs: tuple[str, ...] = field(default=(LOW,), kw_only=True)  # inputs that carry no gradient


@frozen(eq=False)
class StagePlan(ObjectivePlan):
    """A stage that can train: its objective, its data augmentation and its optimizer.

    ``aggregator`` (``aggregator_name`` in the recipe) combines the terms' gradients into the one that the student
    follows; without one the student follows the gradient of the equation. ``critic`` is the second player.
    """

    plugin: Stage
    epochs: int
    batch_size: int
    optimizer: OptimizerPlan
    augmentations: tuple[Augmentation, ...]
    aggregator: Aggregator | None = None
    aggregator_name: str = ""
    data_signals: tuple[str, ...] = (LOW,)  # the tensors of an image that the stage reads
    critic: CriticPlan | None = None

    @property
    def players(self) -> tuple[StagePlan, ...]:
        """What the stage trains on: its own objective, and that of a critic."""
        return (self, self.critic.stage) if self.critic else (self,)

    @property
    def trained_labels(self) -> tuple[str, ...]:
        """The labels of the terms that train at some step, for which an aggregator has a state."""
        return tuple(term.label for term in self.terms if not term.monitor)


@frozen(eq=False)
class CriticPlan:
    """The critic of a stage: a network that trains on the objective of ``stage``, its own, in turn with the student.

    Before the student's update on a batch it takes ``steps`` updates on this batch, at one batch in ``every``.
    """

    network: nn.Module  # a Critic in a recipe, any module in a loop of one's own
    stage: StagePlan
    every: int
    steps: int

    def describe_turns(self) -> str:
        """When it trains, in words."""
        steps = "a step" if self.steps == 1 else f"{self.steps} steps"
        batches = "each batch" if self.every == 1 else f"one batch in {self.every}"
        return f"the critic takes {steps} on {batches}, before the student does"

    def count_updates(self, batches: int) -> int:
        """Its updates on so many batches, from the first one."""
        return self.steps * -(-batches // self.every)


class PlaceholderStage(Stage):
    """Takes the place of a stage that could not be built, so that its terms are checked all the same."""
