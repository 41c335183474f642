"""``zerokd enhance``."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zerokd.cli.options import (
    CONTROL_OPTIONS,
    STUDENT_HELP,
    CommandFunction,
    add_options,
    is_quiet,
    plugin_option,
    quiet_option,
    require_number,
)

if TYPE_CHECKING:  # PIL and NumPy take longer than help does
    from zerokd.student.enhance.jobs import Task


def _parse_shard(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int]:
    part, slash, count = value.partition("/")
    if not (slash and part.isdigit() and count.isdigit() and 1 <= int(part) <= int(count)):
        raise click.BadParameter("write i/n, for example 1/4 on the first of four machines")
    return int(part), int(count)


ENHANCE_OPTIONS = (
    click.argument("inputs", metavar="FILE|DIR...", nargs=-1, required=True, type=click.Path(path_type=Path)),
    click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Output folder, or output file."),
    click.option("--student", default="best", show_default=True, metavar="NAME|FILE", help=STUDENT_HELP),
    click.option(
        "--strength",
        type=click.FloatRange(0, 2),
        default=1.0,
        show_default=True,
        callback=require_number,
        help="0: unchanged, 1: as trained.",
    ),
    *CONTROL_OPTIONS,
    click.option("--compare", is_flag=True, help="Also write NAME.compare, before and after."),
    click.option(
        "--scale-factor", "scale", type=click.IntRange(1, 64), help="Estimate the curve map at 1/N of the size."
    ),
    click.option("--engine", type=click.Choice(["auto", "c", "onnx", "torch"]), default="auto", show_default=True),
    click.option("--overwrite", is_flag=True, help="Overwrite files that zerokd did not create."),
    click.option("--deinterlace", is_flag=True, help="Make whole frames of the fields of interlaced videos."),
    click.option("--frame-by-frame", is_flag=True, help="Expose each frame of a video by itself."),
    click.option(
        "--shard", default="1/1", callback=_parse_shard, metavar="I/N", help="Only the I-th of N parts, for N machines."
    ),
    plugin_option,
)


def enhance_options(command: CommandFunction) -> CommandFunction:
    """Add the inputs and options of :func:`plan_enhancement`, except ``threads``."""
    return add_options(ENHANCE_OPTIONS, command)


def plan_enhancement(
    inputs: tuple[Path, ...], out: Path, shard: tuple[int, int], scale: int | None, **options: Any
) -> Task:
    """The task that the options describe.

    Raises:
        ZerokdError: as :func:`zerokd.student.enhance.jobs.plan_task`.
    """
    from zerokd.student.enhance import jobs

    return jobs.plan_task(inputs, out, jobs.EnhanceOptions(scale=scale or 0, **options), shard)


@click.command("enhance")
@enhance_options
@click.option("--threads", type=click.IntRange(1, 256), help="By default one for each core.")
@quiet_option
def command(threads: int | None, **options: Any) -> None:
    """Brighten photos, folders of photos (with their subfolders), and videos.

    Writes the results to --out under their own names; never writes to the originals. Skips files that are up to date.
    Exits with code 1 if a file failed or is damaged; the other files are done.
    """
    from zerokd.student.enhance.jobs import run_task
    from zerokd.student.enhance.progress import EnhanceProgress
    from zerokd.student.enhance.summary import count_noun

    start, quiet = time.monotonic(), is_quiet()
    task = plan_enhancement(threads=threads or os.cpu_count() or 1, **options)
    # zerokd itself reports what concerns a file
    with EnhanceProgress(len(task.jobs), quiet=quiet) as progress, warnings.catch_warnings(action="ignore"):
        for line in describe_start(task, options["out"], count_noun(task.options.threads, "thread")):
            progress.print_note(line)
        summary = run_task(task, progress.report, progress.report_progress)
    is_incomplete = bool(summary.failures or summary.damaged_files)
    if is_incomplete or not quiet:
        click.echo(summary.describe(time.monotonic() - start))
    if is_incomplete:
        sys.exit(1)


def describe_start(task: Task, out: Path, workers: str) -> Iterator[str]:
    """The lines that say what is about to happen, and why no faster engine does it."""
    from zerokd.student.enhance.inputs import describe_skipped
    from zerokd.student.enhance.summary import count_noun

    names_file = [job.target.absolute() for job in task.jobs] == [out.absolute()]
    place = str(out) if names_file else os.path.join(out, "")
    yield f"Enhancing {count_noun(len(task.jobs), 'file')} into {place} ({task.engine.description}, {workers})"
    if task.skipped:
        yield describe_skipped(task.skipped)
    if task.engine.fallback_reasons:
        yield task.engine.describe_fallback()
