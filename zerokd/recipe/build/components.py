"""What a recipe becomes: its components, built. Everything to the right of here works on these records alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from zerokd.errors import KeyPath, ZerokdError
from zerokd.objective.models import ModelSet
from zerokd.objective.stage_plan import Phase
from zerokd.objective.term import Measure
from zerokd.plugin.catalogue import Entry
from zerokd.plugin.component import NONE
from zerokd.plugin.contracts import (
    Data,
    Observer,
)
from zerokd.recipe.schema.speed import Speed

UNTOLD = Speed()


@frozen(eq=False)
class Components(ModelSet):
    """A built recipe. ``origins`` says what the data and each model are: plugin, config, and source of the weights;
    ``used`` lists every plugin in it; ``fallbacks`` and ``cautions`` are what its components say of themselves.
    ``skip`` is how many steps that are not finite may be left out."""

    name: str
    seed: int
    threads: int
    data: Data
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


@frozen(eq=False)
class Attempt:
    """What could be built, all that was found wrong, and the paths of the models, terms and stages that have a part in
    it. The components are whole only where there are no faults; else they are there to find further mistakes in."""

    components: Components
    faults: tuple[ZerokdError, ...]
    unbuilt: frozenset[KeyPath]
