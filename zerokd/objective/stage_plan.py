"""A stage, ready to be trained: its equation, its terms, and how the student descends."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from zerokd.equation.equation import Equation
from zerokd.equation.expression import Series
from zerokd.errors import Place
from zerokd.objective.term import BoundTerm
from zerokd.plugin.clock import Clock
from zerokd.plugin.contracts import Aggregator, Augmentation, Stage


@frozen
class OptimizerSettings:
    """Adam's: a cosine from the first learning rate to the final one, coupled L2 decay, and the norm to clip to."""

    learning_rate: float
    final_learning_rate: float
    weight_decay: float
    clip_norm: float


@frozen(eq=False)
class StagePlan:
    """One stage, ready: its equation with the coefficient of each group, and the terms of those groups.

    ``weights`` are those of the terms inside their groups, ``active`` the steps at which each is computed (None: all),
    both by label. A series is a number, or one number for every step of the ``clock``. ``idle`` are the labels of terms
    whose weight is 0: nothing of them is computed. ``aggregator``, called ``aggregate`` in the recipe, makes one
    gradient of the terms' own; without one, that of the equation is followed.
    """

    name: str
    plugin: Stage
    equation: Equation
    clock: Clock
    coefficients: dict[str, Series]
    weights: dict[str, Series]
    step_masks: dict[str, np.ndarray | None]
    terms: tuple[BoundTerm, ...]
    epochs: int
    batch_size: int
    optimizer: OptimizerSettings
    augmentations: tuple[Augmentation, ...]
    idle_terms: tuple[str, ...]
    place: Place
    aggregator: Aggregator | None = None
    aggregator_name: str = ""


class PlaceholderStage(Stage):
    """Stands for a stage that could not be built: its terms are looked at all the same."""
