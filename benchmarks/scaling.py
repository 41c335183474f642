"""The time of a step by image size and batch size, and the time of loading the data of an epoch.

    python benchmarks/scaling.py [--stage distill] [--threads 1] [--rounds 5] [--json]

Photos are JPEGs of 512x512 pixels, decoded and resized once, before the first step.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image
from sides import ZerokdSide

from zerokd.student.evaluate.cost import describe_machine
from zerokd.training.batches import iterate_batches

PHOTO_COUNT = 24
SIZES_AND_BATCHES = ((64, 4), (128, 1), (128, 2), (128, 4), (128, 8), (256, 4), (512, 4))  # pixels a side, images


def write_photos(folder: Path) -> None:
    """Write smooth noise, which JPEG compresses about as much as a photo."""
    for number in range(PHOTO_COUNT):
        levels = np.random.default_rng(number).integers(0, 90, (64, 64, 3)).astype(np.uint8)
        Image.fromarray(levels).resize((512, 512), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg", quality=92)


def measure_scaling(folder: Path, stage: str, size: int, batch: int, threads: int, rounds: int) -> dict:
    """Milliseconds of a step with a filled cache, of decoding a photo once, and of loading a batch."""
    source = f'data={{use="folder", path="{folder}", size={size}, held_out=0.0}}'
    side = ZerokdSide(stage, size, threads, batch, (source,))
    data, stage_plan = side.stage.components.data, side.stage.stage
    epoch = PHOTO_COUNT // batch
    decoding = time_milliseconds(lambda: type(data)(**dict(data.config))) / PHOTO_COUNT
    loading = (
        statistics.median(time_milliseconds(lambda: draw_batches(data, stage_plan, epoch)) for _ in range(rounds))
        / epoch
    )
    for _ in range(3):
        side.step()
    step = statistics.median(time_milliseconds(side.step) for _ in range(3 * rounds))
    row = {"pixels": size, "batch": batch, "step_ms": step, "us_per_kilopixel": step * 1e6 / (batch * size * size)}
    return row | {"decoding_ms": decoding, "data_ms": loading, "data_share": loading / step}


def draw_batches(data, stage, count: int) -> None:
    """Load the first batches of a stage."""
    batches = iterate_batches(data, range(PHOTO_COUNT), stage, 0, torch.device("cpu"))
    for _ in range(count):
        next(batches)


def time_milliseconds(function) -> float:
    started = time.perf_counter()
    function()
    return 1000 * (time.perf_counter() - started)


@click.command()
@click.option("--stage", type=click.Choice(["pretrain", "distill"]), default="distill", show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(stage: str, threads: int, rounds: int, as_json: bool) -> None:
    about = describe_machine() | {"threads": threads}
    if not as_json:
        click.echo(f"{stage}, {threads} threads of {about['processor']}, torch {torch.__version__}")
        click.echo(
            f"{'pixels':>6}{'batch':>6}{'step ms':>10}{'us/1000 px':>12}{'decoding ms':>13}{'data ms':>9}{'share':>7}"
        )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_photos(Path(folder))
        for size, batch in SIZES_AND_BATCHES:
            row = measure_scaling(Path(folder), stage, size, batch, threads, rounds)
            rows.append(row)
            if not as_json:
                start = f"{size:6}{batch:6}{row['step_ms']:10.1f}{row['us_per_kilopixel']:12.1f}"
                click.echo(f"{start}{row['decoding_ms']:13.1f}{row['data_ms']:9.2f}{row['data_share']:7.1%}")
    if as_json:
        click.echo(json.dumps({"machine": about, "stage": stage, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
