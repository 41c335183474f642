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
from zerokd.plugin.host import discover_plugins
from zerokd.recipe.build.components import Components
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.schema.recipe import Recipe
from zerokd.recipe.toml.document import Document
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run.data_parallel import follow_leader, parallelize_plan
from zerokd.run.folder import RunFolder
from zerokd.run.progress import Progress
from zerokd.run.resume import (
    ResumePoint,
    find_unfinished_run,
    is_finished,
    load_last_checkpoint,
    read_manifest,
    require_same_recipe,
    require_same_run,
)
from zerokd.run.session import RunPlan, build_run_record, execute, prepare_run
from zerokd.training.device import choose_device
from zerokd.training.process_group import ProcessGroup, resolve_local_device

RUNS_FOLDER = Path("runs")


def run_recipe(
    document: Document, catalogue: Catalogue, device: str, out: Path | None, resume: bool, progress: Progress
) -> Path:
    """Run a recipe; with ``resume``, go on with its run in ``out``, or with its newest unfinished one, if there is any.

    Returns the run folder.

    Raises:
        ZerokdError: see :func:`zerokd.run.session.prepare_run`, :func:`zerokd.run.session.execute` and :func:`go_on`.
    """
    begun = out if resume and out and (out / "manifest.json").exists() else None
    if begun is None and not (resume and out is None):
        RunFolder.check_available(out)
    recipe, components = check_recipe(document, catalogue)
    if resume and out is None:
        begun = find_unfinished_run(RUNS_FOLDER, components.name)
    if begun is not None:
        _resume_run(RunFolder(begun), recipe, components, device, progress)
        return begun
    if resume:
        progress.report("there is no unfinished run of this recipe: it starts anew")
    with (
        _prepare_as_leader(components, device, progress) as plan,
        RunFolder.create(components.name, out).lock() as folder,
    ):
        record = build_run_record(plan)
        progress.report_start(plan.components, folder)
        progress.report_data(record["data"])
        execute(plan, folder, _recipe_to_tables(recipe), record, progress)
        return folder.path


def resume(path: Path, catalogue: Catalogue, device: str | None, progress: Progress) -> None:
    """Go on with the run in a folder, on the device it ran on unless another one is named.

    Raises:
        RunFolderError: it is not the folder of a run, or another process is at work in it.
        DataError: a plugin, weights file, or the data are not what they were.
        WeightsError: every checkpoint is damaged.
    """
    folder = RunFolder(path)
    before = read_manifest(folder)
    if is_finished(before):
        progress.report(f"{path} is finished; nothing is left to do")
        return
    try:
        recipe, components = check_recipe(read_recipe_document(folder.recipe), catalogue)
    except RecipeError as error:
        command = [str(word) for word in before.get("command", ())]
        if "--plugin" not in command:
            raise
        hint = f"it was started by: {shlex.join(['zerokd', *command])}"
        raise RecipeError(
            *error.problems, Problem("the run had plugins of its own: --plugin", hints=(hint,))
        ) from error
    _resume_run(folder, recipe, components, device or str(before.get("device", "cpu")).split()[0], progress)


def prepare_recipe(path: str | Path, plugins: Iterable[Path] = (), device: str = "cpu", **overrides: Any) -> RunPlan:
    """A recipe with what the command line changes, checked and ready for its first step."""
    _, components = check_recipe(
        apply_options(read_recipe_document(path), **overrides), discover_plugins(plugins, strict=True)
    )
    return prepare_run(components, choose_device(device))


def dry_run(document: Document, catalogue: Catalogue, device: str, progress: Progress) -> None:
    """Check all that a run checks before its first step, and write nothing."""
    _, components = check_recipe(document, catalogue)
    plan = _prepare_plan(components, device, progress)
    progress.report_start(plan.components, None)
    progress.report_dry_run()


def _resume_run(folder: RunFolder, recipe: Recipe, components: Components, device: str, progress: Progress) -> None:
    with folder.lock():
        before = read_manifest(folder)
        if is_finished(before):
            progress.report(f"{folder.path} is finished; nothing is left to do")
            return
        require_same_recipe(folder, _recipe_to_tables(recipe))
        with _prepare_as_leader(components, device, progress) as plan:
            record = build_run_record(plan)
            differing = require_same_run(before, record)
            checkpoint, damaged = load_last_checkpoint(folder)
            progress.report_start(plan.components, folder)
            progress.report_resume(checkpoint.metadata if checkpoint else None, damaged, differing)
            at = {"stage": checkpoint.metadata["stage"], "step": checkpoint.metadata["step"]} if checkpoint else {}
            now = {**at, "command": sys.argv[1:], "damaged": list(damaged), "differences": differing}
            record["command"] = before.get("command", record["command"])
            resumed = ResumePoint(checkpoint, (*before.get("resumed", ()), now))
            execute(plan, folder, _recipe_to_tables(recipe), record, progress, resumed)


def run_follower(document: Document, catalogue: Catalogue, device: str) -> None:
    """Be one of the processes that compute parts of a run's steps, and leave all else to the one that leads.

    Raises:
        ZerokdError: see :func:`start`.
    """
    _, components = check_recipe(document, catalogue)
    plan = prepare_run(components, choose_device(resolve_local_device(device)))
    with ProcessGroup.join(plan.device) as group:
        follow_leader(parallelize_plan(plan, group), group)


@contextmanager
def _prepare_as_leader(components: Components, device: str, progress: Progress) -> Iterator[RunPlan]:
    plan = _prepare_plan(components, resolve_local_device(device), progress)
    with ProcessGroup.join(plan.device) as group:
        yield parallelize_plan(plan, group)


def _prepare_plan(components: Components, device: str, progress: Progress) -> RunPlan:
    if components.speed.compile != "off":
        progress.report("compiling each stage: a minute or two, less where that was done before")
    return prepare_run(components, choose_device(device))


def _recipe_to_tables(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude_none=True)
