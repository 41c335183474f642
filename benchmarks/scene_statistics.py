"""Statistics of generated scenes beside those of photos.

    python benchmarks/scene_statistics.py [--photos LOL_LOW --photos LIME ...] [--count 60]

Prints docs/results/scenes.md's table, means over images of 256x256 pixels: brightness, the share of dark images, steps
of log-luminance between neighbours, the slope of the power spectrum, noise in levels, and red over blue.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch

from zerokd import Data
from zerokd.data.dead_leaves import DeadLeaves
from zerokd.data.folder import Folder
from zerokd.data.rooms_and_streets import BUILDERS, RoomsAndStreets
from zerokd.measure.data_statistics import DARK_THRESHOLD

SIZE = 256
LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114])
LARGE_STEP, SMALL_STEP = 0.3, 0.05  # of log-luminance
MAD_TO_DEVIATION = 1.4826  # of a normal distribution
FREQUENCIES = np.arange(4, 65)  # cycles per image, of the slope
COLUMNS = ("mean", "dark", "flat", "edges", "slope", "noise", "red / blue")


def measure_slope(tone: np.ndarray) -> float:
    """The exponent of the radially averaged power spectrum of log-luminance."""
    window = np.outer(np.hanning(SIZE), np.hanning(SIZE))
    radius = np.rint(SIZE * np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.fftfreq(SIZE))).astype(int)
    power = np.abs(np.fft.fft2((tone - tone.mean()) * window)) ** 2
    sums, counts = np.bincount(radius.ravel(), power.ravel()), np.bincount(radius.ravel())
    return float(np.polyfit(np.log(FREQUENCIES), np.log((sums / counts)[FREQUENCIES]), 1)[0])


def measure_noise(luma: np.ndarray) -> float:
    """The noise in levels, from the diagonal Haar coefficients: Donoho, Johnstone, Biometrika 1994."""
    diagonal = (luma[::2, ::2] - luma[1::2, ::2] - luma[::2, 1::2] + luma[1::2, 1::2]) / 2
    return float(MAD_TO_DEVIATION * np.median(np.abs(diagonal)))


def measure_image(image: torch.Tensor) -> tuple[float, ...]:
    """One number for each of ``COLUMNS``."""
    pixels = image.permute(1, 2, 0).numpy().astype(np.float64)
    luma = pixels @ LUMA_WEIGHTS
    tone = np.log((luma / 255) ** 2.2 + 0.002)
    steps = np.abs(np.diff(tone, axis=1))
    red, _, blue = pixels.mean((0, 1))
    return (
        luma.mean() / 255, float(luma.mean() / 255 < DARK_THRESHOLD), float((steps < SMALL_STEP).mean()),
        float((steps > LARGE_STEP).mean()), measure_slope(tone), measure_noise(luma), (red + 1) / (blue + 1),
    )  # fmt: skip


def measure_source(name: str, data: Data, count: int, signal: str = "low") -> str:
    """A row of the table."""
    indices = np.linspace(0, len(data) - 1, min(count, len(data))).astype(int)
    started = time.process_time()
    images = [data.tensor(int(index), signal) for index in indices]
    seconds = (time.process_time() - started) / len(images)
    mean, dark, flat, edges, slope, noise, cast = np.mean([measure_image(image) for image in images], 0)
    row = f"{mean:.3f} | {dark:.0%} | {flat:.2f} | {edges:.3f} | {slope:.2f} | {noise:.1f} | {cast:.2f}"
    return f"| {name} | {len(images)} | {row} | {1000 * seconds:.0f} |"


@click.command(help=__doc__.split("\n")[0])
@click.option("--photos", multiple=True, type=click.Path(exists=True, path_type=Path), help="Folder of photos.")
@click.option("--count", default=60, show_default=True)
def main(photos: Sequence[Path], count: int) -> None:
    torch.set_num_threads(1)
    click.echo(f"| | images | {' | '.join(COLUMNS)} | ms |\n{'|---' * (len(COLUMNS) + 3)}|")
    for folder in photos:
        click.echo(measure_source(str(folder), Folder(path=str(folder), size=SIZE), count))
    click.echo(measure_source("dead_leaves", DeadLeaves(count=count, size=SIZE), count))
    scenes = RoomsAndStreets(count=count, size=SIZE)
    click.echo(measure_source("rooms_and_streets", scenes, count))
    click.echo(measure_source("the same, well lit", scenes, count, "reference"))
    for kind in BUILDERS:
        data = RoomsAndStreets(count=count // 3, size=SIZE, kinds=[kind])
        click.echo(measure_source(kind, data, count // 3))


if __name__ == "__main__":
    main()
