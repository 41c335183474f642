"""How a step's time grows with the image and the batch, and what the data of an epoch take beside its steps.

    python benchmarks/scaling.py [--stage distill] [--threads 1] [--rounds 5] [--json]

Photos are JPEGs of 512x512 pixels, decoded and resized once before the first step.
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
SIZES_AND_BATCHES = (
    (64, 4),
    (128, 1),
    (128, 2),
    (128, 4),
    (128, 8),
    (256, 4),
    (512, 4),
)  # pixels a side, images a batch


def write_photos(folder: Path) -> None:
    """Smooth noise, which JPEG packs about as it packs a photo."""
    for number in range(PHOTO_COUNT):
        levels = np.random.default_rng(number).integers(0, 90, (64, 64, 3)).astype(np.uint8)
        Image.fromarray(levels).resize((512, 512), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg", quality=92)


def measure_scaling(folder: Path, stage: str, size: int, batch: int, threads: int, rounds: int) -> dict:
    """Milliseconds of a step that finds what is frozen, of decoding a photo once, and of the data of a batch."""
    source = f'data={{use="folder", path="{folder}", size={size}, held_out=0.0}}'
    side = ZerokdSide(stage, size, threads, batch, (source,))
    data, phase = side.stage.components.data, side.stage.stage
    epoch = PHOTO_COUNT // batch
    decoded = time_milliseconds(lambda: type(data)(**dict(data.config))) / PHOTO_COUNT
    later = (
        statistics.median(time_milliseconds(lambda: draw_batches(data, phase, epoch)) for _ in range(rounds)) / epoch
    )
    for _ in range(3):
        side.step()
    step = statistics.median(time_milliseconds(side.step) for _ in range(3 * rounds))
    row = {"pixels": size, "batch": batch, "step_ms": step, "us_per_kilopixel": step * 1e6 / (batch * size * size)}
    return row | {"decoding_ms": decoded, "data_ms": later, "data_share": later / step}


def draw_batches(data, stage, count: int) -> None:
    """The first batches of a stage."""
    made = iterate_batches(data, range(PHOTO_COUNT), stage, 0, torch.device("cpu"))
    for _ in range(count):
        next(made)


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
            f"{'pixels':>6}{'batch':>6}{'step ms':>10}{'us/1000 px':>12}{'a photo ms':>13}{'data ms':>9}{'share':>7}"
        )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_photos(Path(folder))
        for size, batch in SIZES_AND_BATCHES:
            row = measure_scaling(Path(folder), stage, size, batch, threads, rounds)
            rows.append(row)
            if not as_json:
                told = f"{size:6}{batch:6}{row['step_ms']:10.1f}{row['us_per_kilopixel']:12.1f}"
                click.echo(f"{told}{row['decoding_ms']:13.1f}{row['data_ms']:9.2f}{row['data_share']:7.1%}")
    if as_json:
        click.echo(json.dumps({"machine": about, "stage": stage, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
