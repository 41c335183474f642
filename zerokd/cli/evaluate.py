"""``zerokd evaluate``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.options import STUDENT_HELP, is_quiet, plugin_option, reports_phases, threads_option

if TYPE_CHECKING:
    from zerokd.student.evaluate.evaluate import PhotoEvaluation

TEXT_FORMAT = "text"


@click.command("evaluate")
@click.argument("photos", type=click.Path(path_type=Path))
@click.option("--references", type=click.Path(path_type=Path), help="Well-lit photos with the same names.")
@click.option("--student", "students", multiple=True, metavar="NAME|FILE", help=f"{STUDENT_HELP} By default best.")
@click.option("--teacher", metavar="FILE", help="The students' teacher, as for --student; bundled: Zero-DCE++.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Add a metric; see `zerokd list metrics`.")
@click.option("--set", "settings", multiple=True, metavar="NAME.KEY=VALUE", help="Config of a --metric.")
@click.option(
    "--format",
    "table_format",
    type=click.Choice([TEXT_FORMAT, "latex", "markdown", "csv", "json"]),
    default=TEXT_FORMAT,
    show_default=True,
    help="Format of the table on standard output.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all values as JSON.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Write a line for each photo and method.")
@threads_option
@plugin_option
@reports_phases
def command(
    photos: Path,
    references: Path | None,
    students: tuple[str, ...],
    teacher: str | None,
    metrics: tuple[str, ...],
    settings: tuple[str, ...],
    table_format: str,
    json_file: Path | None,
    csv_file: Path | None,
    plugins: tuple[Path, ...],
) -> None:
    """Measure students on PHOTOS, beside their teacher, the input and baselines that need no training.

    With --references: PSNR, SSIM and PSNR at the reference's brightness. With --teacher: the distance to the teacher.
    Always: brightness, clipped pixels, colour cast, and the cost of each model. Exits with code 1 if a photo failed.

    --format latex, markdown and csv print one table of means; latex and markdown mark the best values. json prints all.
    """
    from zerokd.files.atomic import write_text
    from zerokd.phases import phase
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.student.enhance.progress import EnhanceProgress
    from zerokd.student.evaluate.columns import build_columns
    from zerokd.student.evaluate.evaluate import evaluate_methods, measure_costs, pair_photos
    from zerokd.student.evaluate.methods import build_methods
    from zerokd.student.evaluate.tables import evaluation_to_csv
    from zerokd.training.device import prepare_cpu

    catalogue = discover_plugins(plugins, strict=True)
    count = sum(map(len, pair_photos(photos, references)))
    columns = build_columns(catalogue, references is not None, teacher is not None, metrics, settings)
    with phase("loading students"):
        methods, teacher_method = build_methods(students, teacher, catalogue)
    prepare_cpu()  # else allocations dominate the time of a wide network, up to five times its own
    with EnhanceProgress(count, table_format != TEXT_FORMAT, is_quiet()) as progress, phase(progress.describe):
        evaluation = evaluate_methods(photos, references, methods, teacher_method, columns, progress.report)
    evaluation.costs = measure_costs(methods)
    evaluation.command = shlex.join(["zerokd", *sys.argv[1:]])
    if json_file is not None:
        write_text(json_file, json.dumps(evaluation.as_json(), indent=2) + "\n")
    if csv_file is not None:
        write_text(csv_file, evaluation_to_csv(evaluation))
    with ignore_broken_pipe(sys.stdout):
        click.echo(_format_evaluation(evaluation, table_format))
    if evaluation.failures:
        sys.exit(1)


def _format_evaluation(evaluation: PhotoEvaluation, table_format: str) -> str:
    from zerokd.describe import comparison_markup
    from zerokd.describe.comparison_table import EvaluationRecord, build_comparison_table
    from zerokd.files.record import check_record
    from zerokd.student.evaluate.tables import describe_evaluation

    if table_format == TEXT_FORMAT:
        return describe_evaluation(evaluation)
    if table_format == "json":
        return json.dumps(evaluation.as_json(), indent=2)
    table = build_comparison_table(check_record(EvaluationRecord, evaluation.as_json()))
    formatter = {
        "latex": comparison_markup.comparison_to_latex,
        "markdown": comparison_markup.comparison_to_markdown,
        "csv": comparison_markup.comparison_to_csv,
    }[table_format]
    return formatter(table)
