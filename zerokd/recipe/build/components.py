"""What a recipe becomes: its components, built. Everything to the right of here works on these records alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from zerokd.errors import KeyPath, ZerokdError
from zerokd.objective.models import ModelSet
from zerokd.objective.stage_plan import StagePlan
from zerokd.objective.term import BoundMetric
from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.component import EMPTY_MAPPING
from zerokd.plugin.contracts import (
    Data,
    Observer,
)
from zerokd.recipe.schema.speed import SpeedConfig

DEFAULT_SPEED = SpeedConfig()


@frozen(eq=False)
class Components(ModelSet):
    """A built recipe. ``origins`` says what the data and each model are: plugin, config, and source of the weights;
    ``used`` lists every plugin in it; ``fallbacks`` and ``cautions`` are what its components say of themselves.
    ``skip`` is how many steps that are not finite may be left out."""

    name: str
    seed: int
    threads: int
    data: Data
    stages: tuple[StagePlan, ...]
    provenance: dict[str, dict[str, Any]]
    used_entries: tuple[CatalogueEntry, ...]
    fallbacks: tuple[str, ...]
    cautions: tuple[str, ...]
    diagnose_every: int
    checkpoint_seconds: float
    max_skipped_steps: int
    speed: SpeedConfig = DEFAULT_SPEED
    metrics: tuple[BoundMetric, ...] = ()
    observers: Mapping[str, Observer] = EMPTY_MAPPING


@frozen(eq=False)
class BuildResult:
    """What could be built, all that was found wrong, and the paths of the models, terms and stages that have a part in
    it. The components are whole only where there are no faults; else they are there to find further mistakes in."""

    components: Components
    errors: tuple[ZerokdError, ...]
    failed_paths: frozenset[KeyPath]
