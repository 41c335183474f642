"""Start or resume a run, from a recipe's document to its run folder."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zerokd.errors import Problem, RecipeError
from zerokd.measure.data_statistics import compute_data_statistics
from zerokd.phases import phase
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.components import Components
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.schema.recipe import Recipe
from zerokd.recipe.toml.document import Document
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run.data_parallel import follow_leader, parallelize_plan
from zerokd.run.folder import RunFolder
from zerokd.run.manifest import build_manifest
from zerokd.run.plan import RunPlan, prepare_run
from zerokd.run.progress import Progress
from zerokd.run.records import ResumeRecord
from zerokd.run.resume import (
    ResumePoint,
    find_unfinished_run,
    is_finished,
    load_last_checkpoint,
    read_checkpoint_record,
    read_manifest,
    require_same_recipe,
    require_same_run,
)
from zerokd.run.session import execute
from zerokd.training.device import choose_device
from zerokd.training.process_group import ProcessGroup, resolve_local_device

RUNS_FOLDER = Path("runs")


def run_recipe(
    document: Document,
    catalogue: Catalogue,
    device: str,
    out: Path | None,
    resume: bool,
    progress: Progress,
    command: Sequence[str] | None = None,
) -> Path:
    """Run a recipe and return the run folder. ``resume`` continues the run in ``out``, or the recipe's newest
    unfinished run, if there is one. The manifest records ``command``, by default that of this process.

    Raises:
        ZerokdError: see :func:`zerokd.run.plan.prepare_run`, :func:`zerokd.run.session.execute` and
            :func:`resume_run`.
    """
    unfinished = out if resume and out and (out / "manifest.json").exists() else None
    if unfinished is None and not (resume and out is None):
        RunFolder.check_available(out)
    recipe, components = check_recipe(document, catalogue)
    if resume and out is None:
        unfinished = find_unfinished_run(RUNS_FOLDER, components.name)
    if unfinished is not None:
        _resume_checked_run(RunFolder(unfinished), recipe, components, device, progress)
        return unfinished
    if resume:
        progress.report("no unfinished run of this recipe: starting a new one")
    with (
        _prepare_as_leader(components, device, progress) as plan,
        RunFolder.create(components.name, out).lock() as folder,
    ):
        with phase(f"reading {len(components.data)} photos"):
            statistics = compute_data_statistics(components.data)
        progress.report_start(plan.components, folder)
        progress.report_data(statistics)
        manifest = build_manifest(plan, statistics)
        if command is not None:
            manifest["command"] = list(command)
        execute(plan, folder, _recipe_to_tables(recipe), manifest, progress)
        return folder.path


def resume_run(path: Path, catalogue: Catalogue, device: str | None, progress: Progress) -> None:
    """Resume the run in a folder, by default on the device that it started on.

    Raises:
        RunFolderError: it is no run folder, or another process is using it.
        DataError: a plugin, weights file, or the data have changed.
        WeightsError: every checkpoint is damaged.
    """
    folder = RunFolder(path)
    if folder.recipe.is_file() and folder.is_unstarted():
        progress.report("the run ended before its first step: starting it anew")
        run_recipe(read_recipe_document(folder.recipe), catalogue, device or "cpu", path, False, progress)
        return
    manifest = read_manifest(folder)
    if is_finished(manifest):
        folder.remove_litter()
        progress.report(f"{path} is already finished")
        return
    try:
        recipe, components = check_recipe(read_recipe_document(folder.recipe), catalogue)
    except RecipeError as error:
        command = [str(word) for word in manifest.get("command", ())]
        if "--plugin" not in command:
            raise
        hint = f"it was started with: {shlex.join(['zerokd', *command])}"
        problem = Problem("the run needs the plugins of its --plugin options", hints=(hint,))
        raise RecipeError(*error.problems, problem) from error
    device = device or str(manifest.get("device", "cpu")).split()[0]
    _resume_checked_run(folder, recipe, components, device, progress)


def prepare_recipe(path: str | Path, plugins: Iterable[Path] = (), device: str = "cpu", **overrides: Any) -> RunPlan:
    """The plan of a recipe with the overrides of the command line: checked and ready for its first step."""
    document = apply_options(read_recipe_document(path), **overrides)
    _, components = check_recipe(document, discover_plugins(plugins, strict=True))
    return prepare_run(components, choose_device(device))


def dry_run(document: Document, catalogue: Catalogue, device: str, progress: Progress) -> None:
    """Check all that a run checks before its first step, and write nothing."""
    _, components = check_recipe(document, catalogue)
    plan = _prepare_plan(components, device, progress)
    progress.report_start(plan.components, None)
    progress.report_dry_run()


def _resume_checked_run(
    folder: RunFolder, recipe: Recipe, components: Components, device: str, progress: Progress
) -> None:
    with folder.lock():
        previous = read_manifest(folder)
        require_same_recipe(folder, _recipe_to_tables(recipe))
        if is_finished(previous):
            folder.remove_litter_of_locked()
            progress.report(f"{folder.path} is already finished")
            return
        with _prepare_as_leader(components, device, progress) as plan:
            manifest = build_manifest(plan)
            differences = require_same_run(previous, manifest)
            checkpoint, damaged = load_last_checkpoint(folder)
            record = read_checkpoint_record(checkpoint, manifest) if checkpoint else None
            progress.report_start(plan.components, folder)
            progress.report_resume(record, damaged, differences)
            resumption: ResumeRecord = {"stage": record["stage"], "step": record["step"]} if record else {}
            resumption |= {"command": sys.argv[1:], "damaged": list(damaged), "differences": differences}
            manifest["command"] = previous.get("command", manifest["command"])
            resume_point = ResumePoint(checkpoint, (*previous.get("resumed", ()), resumption))
            execute(plan, folder, _recipe_to_tables(recipe), manifest, progress, resume_point)


def run_follower(document: Document, catalogue: Catalogue, device: str) -> None:
    """Be one of the processes that compute parts of a run's steps; the leader does everything else.

    Raises:
        ZerokdError: see :func:`zerokd.run.plan.prepare_run`.
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
        progress.report("compiling each stage: one to two minutes, less if compiled before")
    return prepare_run(components, choose_device(device))


def _recipe_to_tables(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude_none=True)
