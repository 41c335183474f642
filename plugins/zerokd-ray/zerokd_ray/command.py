"""``zerokd-ray``: the command ``zerokd enhance``, by the workers of a Ray cluster."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from zerokd.cli import main as run_command
from zerokd.cli.enhance import describe_start, enhance_options, plan_enhancement
from zerokd.errors import Problem, RecipeError
from zerokd.student.enhance.progress import EnhanceProgress
from zerokd.student.enhance.summary import count_noun

OBJECT_STORE_BYTES = 2**30  # shared memory of a local cluster: names, no pixels
CONNECT_TIMEOUT = 10.0  # seconds for a cluster to answer
# defaults for Ray: it sends no statistics, and prints errors alone
RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DATA_LOG_LEVEL": "CRITICAL",
}


@click.command("zerokd-ray", context_settings={"help_option_names": ["-h", "--help"]})
@enhance_options
@click.option("--workers", type=click.IntRange(1), help="By default as many as the cluster's cores allow.")
@click.option("--threads", type=click.IntRange(1, 256), default=1, show_default=True, help="Cores for each worker.")
@click.option("--address", metavar="HOST:PORT", help="A cluster, or auto. By default this machine alone.")
def command(
    inputs: tuple[Path, ...],
    out: Path,
    workers: int | None,
    threads: int,
    address: str | None,
    student: str,
    plugins: tuple[Path, ...],
    **options: Any,
) -> None:
    """Brighten photos, folders of photos and videos on a Ray cluster, as `zerokd enhance` does on one machine.

    FILE|DIR and --out need the same paths on all machines. Skips files that are up to date; the files of a lost worker
    go to another one. Exits with code 1 if a file failed; the other files are done.
    """
    for name, value in RAY_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from zerokd_ray.files import enhance_files

    start = time.monotonic()
    files, modules = (tuple(path.absolute() for path in paths) for paths in (inputs, plugins))
    location = Path(student).absolute() if os.path.exists(student) else student
    task = plan_enhancement(files, out.absolute(), student=location, plugins=modules, threads=threads, **options)
    with _connect_cluster(address) as cores, EnhanceProgress(len(task.jobs)) as progress:
        count = workers or max(1, int(cores) // threads)
        for line in describe_start(task, out, f"{count_noun(count, 'worker')} of {count_noun(threads, 'thread')}"):
            progress.print_line(line)
        summary, shares = enhance_files(task, count, progress.report)
    click.echo(summary.describe(time.monotonic() - start))
    for name, share in sorted(shares.items()):
        click.echo(
            f"  {name}  {share.files} files in {share.seconds:.1f} s, {share.files / share.seconds:.1f} a second"
        )
    if summary.failures or summary.damaged_files:
        sys.exit(1)


@contextmanager
def _connect_cluster(address: str | None) -> Iterator[float]:
    """Connect to a cluster, or start one on this machine; yield its number of cores."""
    import ray

    target = address or os.environ.get("RAY_ADDRESS")
    local_options: dict[str, Any] = (
        {} if target else {"object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
    )
    try:
        if target and target != "auto":  # Ray itself retries for many minutes
            host, _, port = target.rpartition(":")
            socket.create_connection((host.removeprefix("ray://").strip("[]"), int(port)), CONNECT_TIMEOUT).close()
        with _silence_stderr():
            ray.init(target, logging_level=logging.ERROR, log_to_driver=False, **local_options)
    except (OSError, ValueError) as error:
        hint = "start one with `ray start --head`, or omit --address and RAY_ADDRESS"
        raise RecipeError(Problem(f"no cluster at {target!r}: {error}", hints=(hint,))) from error
    try:
        yield ray.cluster_resources().get("CPU", 1.0)
    finally:
        ray.shutdown()


@contextmanager
def _silence_stderr() -> Iterator[None]:
    """Silence standard error: Ray's native code logs its own log level there. It raises its errors."""
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def main() -> None:
    """The script ``zerokd-ray``."""
    run_command(command)
