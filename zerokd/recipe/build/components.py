"""A built recipe. Training, runs and sweeps work on these records alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast

from attrs import field, frozen

from zerokd.errors import KeyPath, ZerokdError
from zerokd.objective.models import STUDENT, ModelSet
from zerokd.objective.selection import EXPORT_STUDENT, Selection
from zerokd.objective.stage_plan import StagePlan
from zerokd.objective.term import BoundMetric
from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.component import EMPTY_MAPPING
from zerokd.plugin.contracts import Data, Model, Observer
from zerokd.recipe.schema.speed import SpeedConfig

DEFAULT_SPEED = SpeedConfig()


class WeightsRecord(TypedDict, total=False):
    """The source of weights, such as ``bundled NAME``, a path or ``random, seed N``, and the SHA-256 of a file."""

    weights: str
    sha256: str


class ComponentRecord(WeightsRecord):
    """The provenance of a component: its qualified name, its config as JSON, and the sources that it reports."""

    use: str
    config: dict[str, Any]


@frozen(eq=False)
class Components(ModelSet):
    """A built recipe.

    ``provenance`` has the record of each component by its dotted path; ``used_entries`` lists every plugin. Components
    report the ``fallbacks`` that they took and ``cautions`` of their configuration. A run skips at most
    ``max_skipped_steps`` steps that are not finite.
    """

    name: str
    seed: int
    threads: int
    data: Data
    stages: tuple[StagePlan, ...]
    provenance: dict[str, ComponentRecord]
    used_entries: tuple[CatalogueEntry, ...]
    fallbacks: tuple[str, ...]
    cautions: tuple[str, ...]
    diagnose_every: int
    checkpoint_seconds: float
    max_skipped_steps: int
    speed: SpeedConfig = DEFAULT_SPEED
    metrics: tuple[BoundMetric, ...] = ()
    observers: Mapping[str, Observer] = EMPTY_MAPPING
    selection: Selection = EXPORT_STUDENT
    frozen_per_image: bool = field(default=True, kw_only=True)  # as the cache of frozen outputs computes them

    @property
    def players(self) -> tuple[StagePlan, ...]:
        """Everything that trains on an objective: each stage, followed by its critic."""
        return tuple(player for stage in self.stages for player in stage.players)

    @property
    def student(self) -> Model:
        """The trained model; a recipe's models are all models of plugins."""
        return cast(Model, self.models[STUDENT])


@frozen(eq=False)
class BuildResult:
    """The components that could be built, every error, and the paths of the models, terms and stages with errors.

    With errors the components are incomplete, and serve only to find further errors.
    """

    components: Components
    errors: tuple[ZerokdError, ...]
    failed_paths: frozenset[KeyPath]
