"""A run, from the recipe's text to its folder: started anew, or gone on with."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zerokd.errors import Problem, RecipeError
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.host import discover
from zerokd.recipe.build.components import Components
from zerokd.recipe.build.overrides import with_options
from zerokd.recipe.build.static_checks import checked
from zerokd.recipe.schema.recipe import Recipe
from zerokd.recipe.toml.document import Document
from zerokd.recipe.toml.extends import read_recipe
from zerokd.run.data_parallel import serve, shared_out
from zerokd.run.folder import RunFolder
from zerokd.run.progress import Progress
from zerokd.run.resume import Resumed, is_finished, last_checkpoint, read_manifest, same_recipe, same_run, unfinished
from zerokd.run.session import Plan, account, execute, prepare
from zerokd.training.device import choose_device
from zerokd.training.process_group import Group, local

RUNS = Path("runs")


def start(
    document: Document, catalogue: Catalogue, device: str, out: Path | None, resume: bool, progress: Progress
) -> Path:
    """Run a recipe; with ``resume``, go on with its run in ``out``, or with its newest unfinished one, if there is any.

    Returns the run folder.

    Raises:
        ZerokdError: see :func:`zerokd.run.session.prepare`, :func:`zerokd.run.session.execute` and :func:`go_on`.
    """
    begun = out if resume and out and (out / "manifest.json").exists() else None
    if begun is None and not (resume and out is None):
        RunFolder.check(out)
    recipe, components = checked(document, catalogue)
    if resume and out is None:
        begun = unfinished(RUNS, components.name)
    if begun is not None:
        _go_on(RunFolder(begun), recipe, components, device, progress)
        return begun
    if resume:
        progress.note("there is no unfinished run of this recipe: it starts anew")
    with _leading(components, device, progress) as plan, RunFolder.create(components.name, out).locked() as folder:
        record = account(plan)
        progress.started(plan.components, folder)
        progress.data(record["data"])
        execute(plan, folder, _tables(recipe), record, progress)
        return folder.path


def go_on(path: Path, catalogue: Catalogue, device: str | None, progress: Progress) -> None:
    """Go on with the run in a folder, on the device it ran on unless another one is named.

    Raises:
        RunFolderError: it is not the folder of a run, or another process is at work in it.
        DataError: a plugin, weights file, or the data are not what they were.
        WeightsError: every checkpoint is damaged.
    """
    folder = RunFolder(path)
    before = read_manifest(folder)
    if is_finished(before):
        progress.note(f"{path} is finished; nothing is left to do")
        return
    try:
        recipe, components = checked(read_recipe(folder.recipe), catalogue)
    except RecipeError as fault:
        command = [str(word) for word in before.get("command", ())]
        if "--plugin" not in command:
            raise
        hint = f"it was started by: {shlex.join(['zerokd', *command])}"
        raise RecipeError(
            *fault.problems, Problem("the run had plugins of its own: --plugin", hints=(hint,))
        ) from fault
    _go_on(folder, recipe, components, device or str(before.get("device", "cpu")).split()[0], progress)


def planned(path: str | Path, plugins: Iterable[Path] = (), device: str = "cpu", **changes: Any) -> Plan:
    """A recipe with what the command line changes, checked and ready for its first step."""
    _, components = checked(with_options(read_recipe(path), **changes), discover(plugins, strict=True))
    return prepare(components, choose_device(device))


def dry_run(document: Document, catalogue: Catalogue, device: str, progress: Progress) -> None:
    """Check all that a run checks before its first step, and write nothing."""
    _, components = checked(document, catalogue)
    plan = _prepared(components, device, progress)
    progress.started(plan.components, None)
    progress.checked()


def _go_on(folder: RunFolder, recipe: Recipe, components: Components, device: str, progress: Progress) -> None:
    with folder.locked():
        before = read_manifest(folder)
        if is_finished(before):
            progress.note(f"{folder.path} is finished; nothing is left to do")
            return
        same_recipe(folder, _tables(recipe))
        with _leading(components, device, progress) as plan:
            record = account(plan)
            differing = same_run(before, record)
            checkpoint, damaged = last_checkpoint(folder)
            progress.started(plan.components, folder)
            progress.resumed(checkpoint.facts if checkpoint else None, damaged, differing)
            at = {"stage": checkpoint.facts["stage"], "step": checkpoint.facts["step"]} if checkpoint else {}
            now = {**at, "command": sys.argv[1:], "damaged": list(damaged), "differences": differing}
            record["command"] = before.get("command", record["command"])
            resumed = Resumed(checkpoint, (*before.get("resumed", ()), now))
            execute(plan, folder, _tables(recipe), record, progress, resumed)


def follow(document: Document, catalogue: Catalogue, device: str) -> None:
    """Be one of the processes that compute parts of a run's steps, and leave all else to the one that leads.

    Raises:
        ZerokdError: see :func:`start`.
    """
    _, components = checked(document, catalogue)
    plan = prepare(components, choose_device(local(device)))
    with Group.joined(plan.device) as group:
        serve(shared_out(plan, group), group)


@contextmanager
def _leading(components: Components, device: str, progress: Progress) -> Iterator[Plan]:
    plan = _prepared(components, local(device), progress)
    with Group.joined(plan.device) as group:
        yield shared_out(plan, group)


def _prepared(components: Components, device: str, progress: Progress) -> Plan:
    if components.speed.compile != "off":
        progress.note("compiling each stage: a minute or two, less where that was done before")
    return prepare(components, choose_device(device))


def _tables(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude_none=True)
