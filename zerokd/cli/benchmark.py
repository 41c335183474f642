"""``zerokd benchmark``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.options import (
    RECIPE_CHANGES,
    STUDENT_HELP,
    add_options,
    device_option,
    is_quiet,
    plugin_option,
    reports_phases,
    threads_option,
    yes_option,
)

if TYPE_CHECKING:
    from zerokd.benchmark.entries import BenchmarkEntry
    from zerokd.plugin.catalogue import Catalogue


def add_recipe_changes(command: Any) -> Any:
    """Add the options that change every recipe."""
    return add_options((*RECIPE_CHANGES, yes_option), command)


@click.command("benchmark")
@click.option(
    "--pairs",
    type=(click.Path(path_type=Path), click.Path(path_type=Path)),
    multiple=True,
    metavar="LOW REFERENCES",
    help="Photos, and well-lit photos with the same names.",
)
@click.option(
    "--photos", type=click.Path(path_type=Path), multiple=True, metavar="DIR", help="Photos without references."
)
@click.option("--student", "students", multiple=True, metavar="NAME|FILE", help=STUDENT_HELP)
@click.option("--recipe", "recipes", multiple=True, metavar="RECIPE", help="Train this recipe, once for each seed.")
@click.option(
    "--seed",
    "seeds",
    type=click.IntRange(0),
    multiple=True,
    default=(0, 1, 2),
    show_default=True,
    help="Seeds of the recipes.",
)
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Add a metric; see `zerokd list metrics`.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), default=Path("benchmark"), show_default=True, help="Folder."
)
@add_recipe_changes
@threads_option
@device_option
@plugin_option
@reports_phases
def command(
    pairs: tuple[tuple[Path, Path], ...],
    photos: tuple[Path, ...],
    students: tuple[str, ...],
    recipes: tuple[str, ...],
    seeds: tuple[int, ...],
    metrics: tuple[str, ...],
    out: Path,
    device: str,
    plugins: tuple[Path, ...],
    **changes: Any,
) -> None:
    """Compare students and recipes on sets of photos, beside baselines that need no training.

    It trains each recipe with each seed, then measures every photo in full size. A mean has a bootstrap interval over
    photos and seeds, and every difference says whether it may be noise. The folder gets tables (Markdown, LaTeX, CSV),
    all values by photo, and the trained students. The same command again resumes. Exits with code 1 if a photo failed.
    """
    from zerokd.benchmark.benchmark import build_set_columns, measure_entries, name_photo_sets
    from zerokd.benchmark.tables import describe_benchmark, write_benchmark
    from zerokd.phases import phase
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.student.enhance.progress import EnhanceProgress
    from zerokd.training.device import prepare_cpu

    catalogue = discover_plugins(plugins, strict=True)
    photo_sets = name_photo_sets(pairs, photos)
    columns = build_set_columns(catalogue, photo_sets, metrics)
    entries = _build_entries(students, recipes, seeds, out, catalogue, device, changes)
    prepare_cpu()
    count = sum(photo_set.count for photo_set in photo_sets)
    with EnhanceProgress(count, to_stderr=True, quiet=is_quiet()) as progress, phase(progress.describe):
        benchmark = measure_entries(entries, photo_sets, columns, progress.report)
    benchmark.command = shlex.join(["zerokd", *sys.argv[1:]])
    with phase("comparing"):
        files = write_benchmark(benchmark, out)
    with ignore_broken_pipe(sys.stdout):
        click.echo("\n".join(describe_benchmark(benchmark)))
        click.echo(f"{out}: {', '.join(files)}")
    if benchmark.failures:
        sys.exit(1)


def _build_entries(
    students: tuple[str, ...],
    recipes: tuple[str, ...],
    seeds: tuple[int, ...],
    out: Path,
    catalogue: Catalogue,
    device: str,
    changes: dict[str, Any],
) -> list[BenchmarkEntry]:
    """Baselines, students, and recipes; nothing is trained until everything that can be checked is."""
    from zerokd.benchmark.entries import load_entries, plan_trainings, prepare_folder, train_entry
    from zerokd.console import PipeSafeConsole
    from zerokd.phases import phase
    from zerokd.run.progress import Progress

    trainings = plan_trainings(recipes, sorted(set(seeds)), catalogue, **changes)
    with phase("loading students"):
        entries = load_entries(students or (() if recipes else ("best",)), catalogue)
    prepare_folder(out)
    progress = Progress(PipeSafeConsole(stderr=True), is_quiet())
    announce = (lambda text: None) if is_quiet() else (lambda text: click.echo(text, err=True))
    for plan in trainings:
        taken_names = [entry.name for entry in entries]
        entries.append(train_entry(plan, out, catalogue, device, progress, announce, taken_names))
    return entries
