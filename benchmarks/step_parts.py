"""Parts of a step and of an epoch against a baseline: SSIM, teacher, optimizer and data.

    python benchmarks/step_parts.py [--threads 1] [--rounds 9] [--json]

Both sides alternate, each in its own process; zerokd's keeps freed memory, as a run does. Medians. Each pair must
compute the same numbers before it is timed.
"""

from __future__ import annotations

import atexit
import copy
import json
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch
from alternation import SideProcess, alternate_turns, serve_turns
from loop import build_cheap_stage
from PIL import Image
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from zerokd.data.folder import Folder
from zerokd.losses.ssim import SsimLoss
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe
from zerokd.student.evaluate.cost import describe_machine
from zerokd.training.batches import to_float_batch
from zerokd.training.device import choose_memory_format, keep_freed_memory
from zerokd.training.state import StageState

BATCH_SIZE, WARMUP_ROUNDS = 4, 2
StepPair = tuple[Callable[[], object], Callable[[], object]]


def random_images(size: int, seed: int = 0) -> Tensor:
    return torch.rand(BATCH_SIZE, 3, size, size, generator=torch.Generator().manual_seed(seed))


def build_ssim_pair(size: int) -> StepPair:
    """Forward and backward pass, for a target that changes."""
    prediction, target, loss = random_images(size).requires_grad_(), random_images(size, 1), SsimLoss()

    def baseline() -> Tensor:
        value = 1 - structural_similarity_index_measure(prediction, target, data_range=1.0, reduction="none")
        return torch.autograd.grad(value.mean(), prediction)[0]

    def zerokd() -> Tensor:
        return torch.autograd.grad(loss(prediction=prediction, target=target).mean(), prediction)[0]

    assert (baseline() - zerokd()).norm() <= 1e-5 * baseline().norm()
    return baseline, zerokd


def build_teacher_pair(size: int) -> StepPair:
    """The teacher without zerokd's cache."""
    low, plain = random_images(size), ZeroDcePp().eval().requires_grad_(False)
    network = copy.deepcopy(plain).to(memory_format=choose_memory_format(plain))

    def baseline() -> Tensor:
        return plain(low)["enhanced"]

    def zerokd() -> Tensor:
        return torch.cat([network(image)["enhanced"] for image in low.split(1)])

    assert (baseline() - zerokd()).abs().max() <= 1e-5
    return baseline, zerokd


def build_optimizer_pair() -> StepPair:
    """Clipping, Adam and moving average of the student."""
    plain, average = NanoDce(), NanoDce()
    adam = torch.optim.Adam(plain.parameters(), lr=1e-3)
    for parameter in plain.parameters():
        parameter.grad = torch.rand_like(parameter)
    components, stage = build_cheap_stage(1)
    training = StageState(stage, probe(stage, components, Batch.from_images(random_images(64)[:2])), components)
    training.set_gradient(torch.rand(161))

    def baseline() -> None:
        nn.utils.clip_grad_norm_(plain.parameters(), 0.1)
        adam.step()
        with torch.no_grad():
            for mean, new in zip(average.parameters(), plain.parameters(), strict=True):
                mean.mul_(0.999).add_(new, alpha=0.001)

    def zerokd() -> None:
        training.clip_grad_norm()
        training.optimizer_step(0)

    return baseline, zerokd


def build_data_pair(photo_size: int, size: int = 256) -> StepPair:
    """An image of the data pipeline; the baseline decodes and resizes it in each epoch."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (photo_size // 8, photo_size // 8, 3)).astype(np.uint8)
    path = folder / "photo.jpg"
    Image.fromarray(small).resize((photo_size, photo_size), Image.Resampling.BICUBIC).save(path, quality=92)
    data = Folder(path=str(folder), size=size)

    def baseline() -> Tensor:
        image = Image.open(path).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255

    def zerokd() -> Tensor:
        return to_float_batch([data[0]], torch.device("cpu"))

    return baseline, zerokd


PART_BUILDERS: dict[str, Callable[[], StepPair]] = {
    **{f"SSIM, forward and backward, {size} pixels": partial(build_ssim_pair, size) for size in (128, 256, 512)},
    **{f"teacher, {size} pixels": partial(build_teacher_pair, size) for size in (128, 256, 512)},
    **{f"an image of a {side}x{side} JPEG, at 256": partial(build_data_pair, side) for side in (512, 2048)},
    "clipping, Adam, moving average": build_optimizer_pair,
}


def compare_part(part: str, threads: int, rounds: int) -> dict[str, object]:
    arguments = (__file__, "--part", part, "--threads", str(threads))
    baseline, zerokd = alternate_turns(
        [SideProcess(*arguments, "--side", side) for side in ("baseline", "zerokd")], rounds
    )
    first, second = 1e6 * baseline["seconds"], 1e6 * zerokd["seconds"]
    return {"part": part, "baseline_us": first, "zerokd_us": second, "ratio": first / second}


def serve_part(part: str, side: str) -> None:
    """One side, in its own process."""
    if side == "zerokd":
        keep_freed_memory()
    baseline, zerokd = PART_BUILDERS[part]()
    run = zerokd if side == "zerokd" else baseline
    for _ in range(WARMUP_ROUNDS):
        run()
    serve_turns({}, run)


@click.command()
@click.option("--threads", default=1, show_default=True)
@click.option("--rounds", default=9, show_default=True)
@click.option("--part", "parts", multiple=True, type=click.Choice(list(PART_BUILDERS)), default=tuple(PART_BUILDERS))
@click.option("--json", "as_json", is_flag=True)
@click.option("--side", hidden=True)
def main(threads: int, rounds: int, parts: tuple[str, ...], as_json: bool, side: str | None) -> None:
    torch.set_num_threads(threads)
    if side:
        serve_part(parts[0], side)
        return
    rows = [compare_part(part, threads, rounds) for part in parts]
    about = describe_machine() | {"threads": threads}
    if as_json:
        click.echo(json.dumps({"machine": about, "batch": BATCH_SIZE, "rows": rows}, indent=2))
        return
    click.echo(f"batch {BATCH_SIZE}, {threads} threads of {about['processor']}, torch {torch.__version__}")
    click.echo(f"{'':44}{'baseline, us':>14}{'zerokd, us':>12}{'ratio':>8}")
    for row in rows:
        click.echo(f"{row['part']:44}{row['baseline_us']:14.0f}{row['zerokd_us']:12.0f}{row['ratio']:8.2f}")


if __name__ == "__main__":
    main()
