"""The time of a 1920x1080 frame on one core by each engine, relative to eager PyTorch and to copying the frame.

    python benchmarks/engines.py [--student fidelity] [--threads 1] [--rounds 7]

Every engine gets the same 8-bit frame and must return the same output within one level. Rounds are interleaved and the
best of each counts, so that other load on the machine affects all of them.
"""

from __future__ import annotations

import time

import click
import numpy as np
import torch

from zerokd.plugin.contracts import Model
from zerokd.student.enhance.engines import ENGINE_NAMES, choose_engine
from zerokd.student.enhance.jobs import enhance_pixels
from zerokd.student.evaluate.cost import describe_machine
from zerokd.student.load import load_model
from zerokd.student.location import resolve_student_file


def enhance_eagerly(model: Model, frame: np.ndarray) -> np.ndarray:
    """The baseline: the whole frame as one float tensor through the network."""
    low = torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        enhanced = model(low)["enhanced"]
    return (enhanced[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


@click.command()
@click.option("--student", default="fidelity", show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--rounds", default=7, show_default=True)
def main(student: str, threads: int, rounds: int) -> None:
    torch.set_num_threads(threads)
    model = load_model(student)
    names = [name for name in ENGINE_NAMES if name != "onnx" or model.measure is None]
    frame = np.random.default_rng(0).integers(0, 120, (1080, 1920, 3)).astype(np.uint8)
    engines = {name: choose_engine(resolve_student_file(student), name, threads=threads) for name in names}
    methods = {"eager PyTorch": lambda: enhance_eagerly(model, frame)}
    methods |= {
        f"enhance, {engine.description}": lambda engine=engine: enhance_pixels(frame, engine, 1.0, threads)
        for engine in reversed(engines.values())
    }
    methods["copying the frame"] = frame.copy
    exact = enhance_eagerly(model, frame).astype(int)
    best = dict.fromkeys(methods, np.inf)
    for _ in range(rounds):
        for name, method in methods.items():
            started = time.perf_counter()
            output = method()
            best[name] = min(best[name], time.perf_counter() - started)
            if name != "copying the frame":
                assert np.abs(output - exact).max() <= 1, name
    about = describe_machine()
    click.echo(f"1920x1080, {threads} threads of {about['processor']}, torch {about['torch']}, best of {rounds}")
    click.echo(f"{'':34}{'ms':>8}{'x eager':>10}{'x copy':>10}")
    for name, seconds in best.items():
        faster, slower = best["eager PyTorch"] / seconds, seconds / best["copying the frame"]
        click.echo(f"{name:34}{1000 * seconds:8.1f}{faster:10.1f}{slower:10.1f}")


if __name__ == "__main__":
    main()
