"""Stages that no point changes, trained once: the points start from the student that they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import frozen
from filelock import FileLock

from zerokd.errors import Place
from zerokd.objective.models import TRAINED
from zerokd.objective.stage_plan import Phase
from zerokd.recipe.build.components import Components
from zerokd.recipe.build.overrides import put
from zerokd.recipe.toml.document import Document
from zerokd.run.folder import RunFolder
from zerokd.run.resume import is_finished, read_manifest

SHARED = Place("shared by all points")
Train = Callable[[Document, Path], Path]  # a run, gone on with where it was begun


@frozen
class Split:
    """The stages that all points share, and those that each trains itself."""

    shared: tuple[str, ...]
    own: tuple[str, ...]


def split(components: Components, document: Document, keys: Iterable[str]) -> Split:
    """Stages in order, up to the first one that some varied key may change. At least one is each point's own."""
    params = document.tables.get("params", {})
    derived = {name for name, value in params.items() if isinstance(value, dict) and "equals" in value}
    order, count = components.phases, 0
    while count < len(order) - 1 and not any(_changes(key, order[count], derived) for key in keys):
        count += 1
    names = tuple(phase.name for phase in order)
    return Split(names[:count], names[count:])


def _changes(key: str, phase: Phase, derived: set[str]) -> bool:
    """Whether a key of the recipe may change what a stage does; what is not known to leave it alone, may."""
    head, _, rest = key.partition(".")
    inner = rest.partition(".")[0]
    if head == "params":
        return bool(phase.equation.params() & {inner, *derived})
    if head == "terms":
        return inner in phase.equation.coefficients
    return inner == phase.name if head == "stages" else head not in ("metrics", "observers")


def trained_once(document: Document, parts: Split, folder: Path, train: Train) -> Document:
    """The recipe of the stages that are left, from the student of the shared ones; whoever comes first trains it."""
    if not parts.shared:
        return document
    with FileLock(folder.with_suffix(".lock")):
        done = RunFolder(folder)
        if not (done.manifest.exists() and is_finished(read_manifest(done))):
            train(put(document, ("run",), list(parts.shared), SHARED), folder)
    weights = str(RunFolder(folder).student)
    document = put(document, ("models", TRAINED, "weights"), weights, SHARED)
    return put(document, ("run",), list(parts.own), SHARED)
