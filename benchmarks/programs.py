"""Each program that zerokd exports: its size, the time of a 1920x1080 frame on one core, and its difference to PyTorch.

    python benchmarks/programs.py [--rounds 5] [--student best --student fidelity] [--format c --format onnx]

Every program gets the same frame, a generated dark scene in 8 bits. C and the frei0r filter take and return 8 bits, so
their difference contains the rounding; all others take and return floats. The process runs on one core. Rounds are
interleaved and the best of each counts; a column tells by how much the median is slower, which shows how busy the
machine is. A program whose package is not installed has no line.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import torch

from zerokd.data.dead_leaves import DeadLeaves
from zerokd.errors import ZerokdError
from zerokd.exporters.c_library import compile_header, compile_source, load_library
from zerokd.exporters.frei0r_host import Frei0rFilter
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.evaluate.cost import describe_machine
from zerokd.student.export import build_exporter, export_model
from zerokd.student.load import TrainedModel, load_trained_model

WIDTH, HEIGHT = 1920, 1080
PROGRAMS = (  # the format, its settings
    *(("c", ()), ("frei0r", ()), ("onnx", ())),
    *(("onnx", (f"precision={precision}",)) for precision in ("float16", "int8")),
    *(("torchscript", ()), ("pt2", ()), ("openvino", ()), ("ncnn", ()), ("litert", ())),
)

Program = Callable[[], np.ndarray]  # the frame (3, H, W) in levels of 255


def generate_frame() -> np.ndarray:
    """(H, W, 3), uint8: tiles of a dark scene with noise."""
    data = DeadLeaves(size=512, count=1, darkness=(3.0, 4.0), lit=0.0)
    tile = data[0].permute(1, 2, 0).numpy()
    rows, columns = -(-HEIGHT // 512), -(-WIDTH // 512)
    return np.ascontiguousarray(np.tile(tile, (rows, columns, 1))[:HEIGHT, :WIDTH])


def open_program(use: str, exporter: Any, path: Path, frame: np.ndarray) -> Program:
    text = path.read_text(encoding="utf-8") if use in ("c", "frei0r") else ""
    library = path.with_suffix(".so")
    if use == "c":
        compile_header(text, "student", library)
        student, result = load_library(library, "student"), np.empty_like(frame)

        def run_c() -> np.ndarray:
            student(frame, 1.0)(result, 0, HEIGHT)
            return result.transpose(2, 0, 1)

        return run_c
    if use == "frei0r":
        compile_source(text, library)
        instance = Frei0rFilter(library).open_instance(WIDTH, HEIGHT)
        pixels = np.concatenate([frame, np.full_like(frame[..., :1], 255)], axis=2)
        times = iter(np.arange(0.0, 1e6, 10.0))  # each frame exposes anew
        return lambda: instance(pixels, float(next(times)))[..., :3].transpose(2, 0, 1)
    enhance, low = exporter.run(path), (frame.transpose(2, 0, 1)[None] / np.float32(255)).astype(np.float32)
    return lambda: enhance(low)[0] * np.float32(255)


def measure(
    trained: TrainedModel, catalogue: Catalogue, frame: np.ndarray, rounds: int, formats: tuple[str, ...]
) -> None:
    low = torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255

    @torch.no_grad()
    def run_pytorch() -> np.ndarray:
        enhanced: np.ndarray = trained.model(low)["enhanced"][0].numpy() * 255
        return enhanced

    programs: dict[str, Program] = {"PyTorch": run_pytorch}
    sizes = {"PyTorch": 0}
    with TemporaryDirectory() as folder:
        for use, settings in PROGRAMS:
            if formats and use not in formats:
                continue
            name = " ".join((use, *settings))
            try:
                exporter = build_exporter(use, settings, catalogue)
                path = Path(folder) / f"{name.replace(' ', '_')}{exporter.suffix}"
                sizes[name] = export_model(trained, exporter, path).size
                programs[name] = open_program(use, exporter, path, frame)
            except (ZerokdError, ImportError) as error:
                click.echo(f"{name:26} {str(error).splitlines()[0][:90]}")
        print_table(programs, sizes, rounds)


def print_table(programs: dict[str, Program], sizes: dict[str, int], rounds: int) -> None:
    exact = programs["PyTorch"]()
    differences = {name: float(np.abs(run() - exact).max()) for name, run in programs.items()}  # and warm up
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, run in programs.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    click.echo(f"{'':26}{'bytes':>10}{'ms':>8}{'median':>8}{'levels':>10}")
    for name, values in seconds.items():
        numbers = f"{sizes[name]:10}{1e3 * min(values):8.0f}{median(values) / min(values) - 1:8.0%}"
        click.echo(f"{name:26}{numbers}{differences[name]:10.4f}")


@click.command()
@click.option("--student", "students", multiple=True, default=("best", "fidelity"), show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--format", "formats", multiple=True, help="Only these; by default all.")
def main(students: tuple[str, ...], rounds: int, formats: tuple[str, ...]) -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    catalogue, frame = discover_plugins(), generate_frame()
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    click.echo(f"{WIDTH}x{HEIGHT}, one core of {describe_machine()['processor']}, torch {torch.__version__}, {load}")
    for student in students:
        click.echo(f"\n{student}")
        measure(load_trained_model(student, catalogue), catalogue, frame, rounds, formats)


if __name__ == "__main__":
    main()
