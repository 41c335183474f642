"""``zerokd enhance``."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zerokd.cli.options import CommandFunction, add_options, plugin_option

if TYPE_CHECKING:  # PIL and NumPy take longer than help does
    from zerokd.student.enhance.jobs import Task


def _parse_shard(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int]:
    part, slash, count = value.partition("/")
    if not (slash and part.isdigit() and count.isdigit() and 1 <= int(part) <= int(count)):
        raise click.BadParameter("write i/n, for example 1/4 on the first of four machines")
    return int(part), int(count)


ENHANCE_OPTIONS = (
    click.argument("inputs", metavar="FILE|DIR...", nargs=-1, required=True, type=click.Path(path_type=Path)),
    click.option(
        "-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder for the results, or one file."
    ),
    click.option(
        "--weights", default="bundled", show_default=True, help="The student: a file that `zerokd run` wrote."
    ),
    click.option(
        "--strength", type=click.FloatRange(0, 2), default=1.0, show_default=True, help="0: as it is, 1: as trained."
    ),
    click.option("--compare", is_flag=True, help="Write NAME.compare too: before and after."),
    click.option(
        "--scale-factor", "scale", type=click.IntRange(1, 64), help="Estimate the curve map at 1/N of the size."
    ),
    click.option("--engine", type=click.Choice(["auto", "c", "onnx", "torch"]), default="auto", show_default=True),
    click.option("--overwrite", is_flag=True, help="Also where a file stands that zerokd did not write."),
    click.option(
        "--shard", default="1/1", callback=_parse_shard, metavar="I/N", help="Only the I-th of N parts, for N machines."
    ),
    plugin_option,
)


def enhance_options(command: CommandFunction) -> CommandFunction:
    """What is enhanced, and how: the keywords of :func:`planned`, but for ``threads``."""
    return add_options(ENHANCE_OPTIONS, command)


def plan_enhancement(
    inputs: tuple[Path, ...], out: Path, shard: tuple[int, int], scale: int | None, **options: Any
) -> Task:
    """The task that the options ask for.

    Raises:
        ZerokdError: what :func:`zerokd.student.enhance.jobs.plan_task` raises.
    """
    from zerokd.student.enhance import jobs

    return jobs.plan_task(inputs, out, jobs.EnhanceOptions(scale=scale or 0, **options), shard)


@click.command("enhance")
@enhance_options
@click.option("--threads", type=click.IntRange(1, 256), help="By default one for each core.")
def command(threads: int | None, **options: Any) -> None:
    """Brighten photos, folders of photos (and all folders in them), and films.

    Results go into --out under their own names; originals are never written. What is done is not done again: the second
    time only what changed is enhanced. Exit code 1 when some files failed; the others are there.
    """
    from zerokd.student.enhance.jobs import run_task
    from zerokd.student.enhance.progress import EnhanceProgress

    started = time.monotonic()
    task = plan_enhancement(threads=threads or os.cpu_count() or 1, **options)
    with EnhanceProgress(len(task.jobs)) as screen:
        screen.print_line(
            f"{len(task.jobs)} files -> {options['out']}; {task.engine.description}, {task.options.threads} threads"
        )
        for note in task.engine.notes:
            screen.print_line(note)
        summary = run_task(task, screen.report, screen.report_progress)
    click.echo(summary.describe(time.monotonic() - started))
    if summary.failures:
        sys.exit(1)
