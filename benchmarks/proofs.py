"""The cost of a run's proofs before its first step: seconds and memory, compared with those of its steps.

    python benchmarks/proofs.py [--size 128 --size 256] [--threads 1] [--stage distill] [--json]

A step's time is the best of three, with the cache of frozen outputs. Memory is the peak of the process above its start,
each size in its own process; that of the steps includes that cache.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import click
from step import BATCH_SIZE, ProcessMemory

MEASURED_STEPS = 3


@click.command()
@click.option("--size", "sizes", multiple=True, type=int, default=(128, 256), show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--stage", default="distill", show_default=True, type=click.Choice(["pretrain", "distill"]))
@click.option("--json", "as_json", is_flag=True)
@click.option("--alone", is_flag=True, hidden=True)
def main(sizes: tuple[int, ...], threads: int, stage: str, as_json: bool, alone: bool) -> None:
    from zerokd.student.evaluate.cost import describe_machine

    if alone:
        click.echo(json.dumps(measure_proofs(stage, sizes[0], threads)))
        return
    about = describe_machine() | {"threads": threads, "stage": stage}
    if not as_json:
        click.echo(f"stage {stage}, batch {BATCH_SIZE}, {threads} threads of {about['processor']}")
        click.echo(f"{'pixels':>8}{'proofs, s':>12}{'a step, s':>12}{'proofs, MiB':>14}{'steps, MiB':>14}")
    rows = []
    for size in sizes:
        arguments = ["--alone", "--size", str(size), "--threads", str(threads), "--stage", stage]
        rows.append(json.loads(subprocess.check_output([sys.executable, __file__, *arguments], text=True)))
        if not as_json:
            row = rows[-1]
            times = f"{row['seconds']:12.1f}{row['step_seconds']:12.2f}"
            click.echo(f"{size:8}{times}{row['proofs_mib']:14.0f}{row['steps_mib']:14.0f}")
    if as_json:
        click.echo(json.dumps({"machine": about, "batch": BATCH_SIZE, "rows": rows}, indent=2))


def measure_proofs(stage: str, size: int, threads: int) -> dict[str, float]:
    from sides import ZerokdSide

    memory, started = ProcessMemory(), time.perf_counter()
    side = ZerokdSide(stage, size, threads, BATCH_SIZE, (), "cpu")
    seconds, proofs = time.perf_counter() - started, memory.peak_mib()
    memory, times = ProcessMemory(), []
    for _ in range(MEASURED_STEPS):
        started = time.perf_counter()
        side.step()
        times.append(time.perf_counter() - started)
    step = {"step_seconds": min(times), "steps_mib": memory.peak_mib()}
    return {"size": size, "seconds": seconds, "proofs_mib": proofs} | step


if __name__ == "__main__":
    main()
