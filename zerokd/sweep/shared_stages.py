"""Stages that no point changes, trained once: the points start from the student that they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import frozen
from filelock import FileLock

from zerokd.errors import Place
from zerokd.objective.models import STUDENT
from zerokd.objective.stage_plan import StagePlan
from zerokd.recipe.build.components import Components
from zerokd.recipe.build.overrides import set_value
from zerokd.recipe.toml.document import Document
from zerokd.run.folder import RunFolder
from zerokd.run.resume import is_finished, read_manifest

SHARED_PLACE = Place("shared by all points")
TrainFunction = Callable[[Document, Path], Path]  # a run, gone on with where it was begun


@frozen
class StageSplit:
    """The stages that all points share, and those that each trains itself."""

    shared: tuple[str, ...]
    per_point: tuple[str, ...]


def split_stages(components: Components, document: Document, keys: Iterable[str]) -> StageSplit:
    """Stages in order, up to the first one that some varied key may change. At least one is each point's own."""
    params = document.tables.get("params", {})
    derived = {name for name, value in params.items() if isinstance(value, dict) and "equals" in value}
    order, count = components.stages, 0
    while count < len(order) - 1 and not any(_may_affect_stage(key, order[count], derived) for key in keys):
        count += 1
    names = tuple(stage.name for stage in order)
    return StageSplit(names[:count], names[count:])


def _may_affect_stage(key: str, stage: StagePlan, derived: set[str]) -> bool:
    """Whether a key of the recipe may change what a stage does; what is not known to leave it alone, may."""
    head, _, rest = key.partition(".")
    inner = rest.partition(".")[0]
    if head == "params":
        return bool(stage.equation.read_params() & {inner, *derived})
    if head == "terms":
        return inner in stage.equation.coefficients
    return inner == stage.name if head == "stages" else head not in ("metrics", "observers")


def train_shared_stages(document: Document, stage_split: StageSplit, folder: Path, train: TrainFunction) -> Document:
    """The recipe of the stages that are left, from the student of the shared ones; whoever comes first trains it."""
    if not stage_split.shared:
        return document
    with FileLock(folder.with_suffix(".lock")):
        done = RunFolder(folder)
        if not (done.manifest.exists() and is_finished(read_manifest(done))):
            train(set_value(document, ("run",), list(stage_split.shared), SHARED_PLACE), folder)
    weights = str(RunFolder(folder).student)
    document = set_value(document, ("models", STUDENT, "weights"), weights, SHARED_PLACE)
    return set_value(document, ("run",), list(stage_split.per_point), SHARED_PLACE)
