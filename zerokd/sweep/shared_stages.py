"""Stages that no point changes: trained once, and all points start from their student."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import evolve, frozen
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
SELECTION_KEYS = ("export", "measure_every", "best")  # of a recipe: they concern its last stage alone
TrainFunction = Callable[[Document, Path], Path]  # starts or resumes a run in a folder


@frozen
class StageSplit:
    """The stages that all points share, and those that each point trains itself, by name."""

    shared: tuple[str, ...]
    per_point: tuple[str, ...]


def split_stages(components: Components, document: Document, keys: Iterable[str]) -> StageSplit:
    """Share the stages before the first one that a varied key may change; never the last one."""
    params = document.tables.get("params", {})
    derived = {name for name, value in params.items() if isinstance(value, dict) and "equals" in value}
    stages, count, keys = components.stages, 0, list(keys)
    while count < len(stages) - 1 and not any(_may_affect_stage(key, stages[count], derived) for key in keys):
        count += 1
    names = tuple(stage.name for stage in stages)
    return StageSplit(names[:count], names[count:])


def _may_affect_stage(key: str, stage: StagePlan, derived: set[str]) -> bool:
    """Whether a key of the recipe may change a stage; unknown keys may."""
    table, _, rest = key.partition(".")
    name = rest.partition(".")[0]
    if table == "params":
        return bool(stage.equation.read_params() & {name, *derived})
    if table == "terms":
        return name in stage.equation.coefficients
    return name == stage.name if table == "stages" else table not in ("metrics", "observers", *SELECTION_KEYS)


def train_shared_stages(shared: Document, stage_split: StageSplit, folder: Path, train: TrainFunction) -> None:
    """Train the shared stages unless they are finished. One worker does; the next one resumes what a lost one began.

    ``shared`` is the same recipe for every worker, whichever point it is about to train.
    """
    if not stage_split.shared:
        return
    with FileLock(folder.with_suffix(".lock")):
        run = RunFolder(folder)
        if run.manifest.exists() and is_finished(read_manifest(run)):
            run.remove_litter()
        else:
            train(set_value(_discard_selection(shared), ("run",), list(stage_split.shared), SHARED_PLACE), folder)


def start_from_shared_student(document: Document, stage_split: StageSplit, folder: Path) -> Document:
    """The recipe of a point's own stages, from the student in the ``folder`` of the shared ones."""
    if not stage_split.shared:
        return document
    student = str(RunFolder(folder).student)
    document = set_value(document, ("models", STUDENT, "weights"), student, SHARED_PLACE)
    return set_value(document, ("run",), list(stage_split.per_point), SHARED_PLACE)


def _discard_selection(document: Document) -> Document:
    """The recipe without what it exports: the next stage starts from the student of the last step."""
    tables = {key: value for key, value in document.tables.items() if key not in SELECTION_KEYS}
    return evolve(document, tables=tables)
