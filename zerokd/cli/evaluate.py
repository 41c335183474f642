"""``zerokd evaluate``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.options import plugin_option


@click.command("evaluate")
@click.argument("photos", type=click.Path(path_type=Path))
@click.option("--references", type=click.Path(path_type=Path), help="Well-lit photos of the same names.")
@click.option("--weights", multiple=True, metavar="FILE", help="A student, or MODEL:FILE; by default the bundled one.")
@click.option("--teacher", metavar="FILE", help="What students copy: bundled, a student's file, or MODEL:FILE.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Measure this too; `zerokd list metrics`.")
@click.option("--set", "settings", multiple=True, metavar="NAME.KEY=VALUE", help="Config of a --metric.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write everything, of each photo too.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Write a line for each photo and method.")
@plugin_option
def command(
    photos: Path,
    references: Path | None,
    weights: tuple[str, ...],
    teacher: str | None,
    metrics: tuple[str, ...],
    settings: tuple[str, ...],
    json_file: Path | None,
    csv_file: Path | None,
    plugins: tuple[Path, ...],
) -> None:
    """Measure students on PHOTOS, beside their teacher, the input and what takes no training at all.

    With --references: PSNR, SSIM and PSNR at the reference's brightness. With --teacher: how well it is copied. Always:
    brightness, blown-out pixels, colour cast, and what each model costs. Exit code 1 when some photos failed.
    """
    from zerokd.files.atomic import write_text
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.student.enhance.progress import EnhanceProgress
    from zerokd.student.evaluate import tables
    from zerokd.student.evaluate.evaluate import build_columns, evaluate_methods, pair_photos
    from zerokd.student.evaluate.methods import build_methods
    from zerokd.training.device import keep_freed_memory

    catalogue = discover_plugins(plugins, strict=True)
    count = sum(map(len, pair_photos(photos, references)))
    columns = build_columns(catalogue, references is not None, teacher is not None, metrics, settings)
    methods, taught = build_methods(weights, teacher, catalogue)
    keep_freed_memory()  # else a wide network's time is that of getting memory, up to five times its own
    with EnhanceProgress(count) as screen:
        found = evaluate_methods(photos, references, methods, taught, columns, screen.report)
    for path, content in (
        (json_file, json.dumps(found.as_json(), indent=2) + "\n"),
        (csv_file, tables.evaluation_to_csv(found)),
    ):
        if path is not None:
            write_text(path, content)
    with ignore_broken_pipe(sys.stdout):
        click.echo(tables.describe_evaluation(found))
    if found.failures:
        sys.exit(1)
