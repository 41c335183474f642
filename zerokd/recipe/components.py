"""What a recipe becomes: its components, built. Everything to the right of here works on these records alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import evolve, frozen

from zerokd.equation.equation import Equation
from zerokd.equation.expression import Series
from zerokd.errors import Place, ZerokdError
from zerokd.plugin.catalogue import Entry
from zerokd.plugin.clock import Clock
from zerokd.plugin.component import NONE
from zerokd.plugin.contracts import (
    Adapter,
    Aggregator,
    Augmentation,
    Data,
    Loss,
    Metric,
    Model,
    Observer,
    Schedule,
    Stage,
)
from zerokd.recipe.positions import KeyPath
from zerokd.recipe.schema import Optimizer, When
from zerokd.recipe.speed import Speed

UNTOLD = Speed()
TRAINED = "student"  # the model that is trained; all others are frozen


@frozen(eq=False)
class Term:
    """One loss, bound: which signal each port reads, through which adapters, with which weight.

    ``adapter_names`` are the adapters as the recipe writes them, config included: equal ones can be shared between
    terms. ``places`` says where each port is bound, ``written`` which keys of the loss's config the recipe gives.
    """

    group: str
    name: str
    use: str
    loss: Loss
    weight: float | Schedule
    on: dict[str, str]
    adapters: tuple[Adapter, ...]
    adapter_names: tuple[str, ...]
    when: When | None
    monitor: bool
    place: Place
    places: dict[str, Place]
    written: tuple[str, ...] = ()

    def with_loss(self, loss: Loss) -> Term:
        """The same term with another loss."""
        return evolve(self, loss=loss)

    @property
    def label(self) -> str:
        return f"{self.group}.{self.name}"


@frozen(eq=False)
class Measure:
    """One metric, bound: which signal each port reads. ``places`` says where each port is bound."""

    name: str
    use: str
    metric: Metric
    on: dict[str, str]
    place: Place
    places: dict[str, Place]

    @property
    def label(self) -> str:
        return f"metrics.{self.name}"


@frozen(eq=False)
class Phase:
    """One stage, ready: its equation with the coefficient of each group, and the terms of those groups.

    ``weights`` are those of the terms inside their groups, ``active`` the steps at which each is computed (None: all),
    both by label. A series is a number, or one number for every step of the ``clock``. ``idle`` are the labels of terms
    whose weight is 0: nothing of them is computed. ``aggregator``, called ``aggregate`` in the recipe, makes one
    gradient of the terms' own; without one, that of the equation is followed.
    """

    name: str
    stage: Stage
    equation: Equation
    clock: Clock
    coefficients: dict[str, Series]
    weights: dict[str, Series]
    active: dict[str, np.ndarray | None]
    terms: tuple[Term, ...]
    epochs: int
    batch: int
    optimizer: Optimizer
    augmentations: tuple[Augmentation, ...]
    idle: tuple[str, ...]
    place: Place
    aggregator: Aggregator | None = None
    aggregate: str = ""


@frozen(eq=False)
class Average:
    """A model's exponential moving average: same architecture, ``decay`` kept at each step."""

    of: str
    model: Model
    decay: float


@frozen(eq=False)
class Components:
    """A built recipe. ``origins`` says what the data and each model are: plugin, config, and source of the weights;
    ``used`` lists every plugin in it; ``fallbacks`` and ``cautions`` are what its components say of themselves.
    ``skip`` is how many steps that are not finite may be left out."""

    name: str
    seed: int
    threads: int
    data: Data
    models: dict[str, Model]
    averages: dict[str, Average]
    phases: tuple[Phase, ...]
    origins: dict[str, dict[str, Any]]
    used: tuple[Entry, ...]
    fallbacks: tuple[str, ...]
    cautions: tuple[str, ...]
    diagnose_every: int
    checkpoint_seconds: float
    skip: int
    speed: Speed = UNTOLD
    measures: tuple[Measure, ...] = ()
    observers: Mapping[str, Observer] = NONE

    @property
    def student(self) -> Model:
        return self.models[TRAINED]

    def role(self, owner: str) -> str:
        """``student``, ``ema`` for an average, ``teacher`` for any other model."""
        return TRAINED if owner == TRAINED else "ema" if owner in self.averages else "teacher"

    def network(self, owner: str) -> Model:
        """The model or average of that name, to be run."""
        return self.averages[owner].model if owner in self.averages else self.models[owner]


@frozen(eq=False)
class Attempt:
    """What could be built, all that was found wrong, and the paths of the models, terms and stages that have a part in
    it. The components are whole only where there are no faults; else they are there to find further mistakes in."""

    components: Components
    faults: tuple[ZerokdError, ...]
    unbuilt: frozenset[KeyPath]


class Unbuilt(Stage):
    """Stands for a stage that could not be built: its terms are looked at all the same."""
