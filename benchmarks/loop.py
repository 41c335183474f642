"""The overhead of the training loop over the same functions called by hand, on 64x64 pixels: in all, and per term.

    python benchmarks/loop.py [--threads 1] [--rounds 400] [--json]

Compares a step of the documented distillation without VGG with the functions of its terms called as in a script; and
steps of 1, 10 and 40 cheap terms with a loop over their function: in ``zerokd run``, in ``zerokd.Objective``, and in
the weighted sum of pytorch-metric-learning, where that is installed (``pip install pytorch-metric-learning``). Both
sides alternate in one process and must compute the same gradient first. The overhead is the median difference of
neighbouring turns.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from contextlib import suppress

import click
import torch
from sides import ZerokdSide
from torch import Tensor, nn

import zerokd
from zerokd.losses.color_constancy import color_constancy
from zerokd.losses.contrastive import contrastive
from zerokd.losses.exposure_control import exposure_control
from zerokd.losses.feature_matching import feature_matching
from zerokd.losses.mse import mse
from zerokd.losses.multi_region_exposure import multi_region_exposure
from zerokd.losses.saturation import saturation
from zerokd.losses.spatial_consistency import spatial_consistency
from zerokd.losses.total_variation import total_variation
from zerokd.objective.stage_plan import StagePlan
from zerokd.plugin.batch import Batch
from zerokd.plugin.discovery import discover_plugins
from zerokd.proof.probe import probe
from zerokd.recipe.build.components import Components
from zerokd.recipe.build.resolver import resolve_recipe
from zerokd.recipe.schema.recipe import validate_recipe
from zerokd.recipe.toml.document import parse_document
from zerokd.student.evaluate.cost import describe_machine
from zerokd.training.state import StageState
from zerokd.training.step import build_accumulator

BATCH_SIZE, IMAGE_SIZE, WARMUP_ROUNDS = 4, 64, 20
TERM_COUNTS = (1, 10, 40)
TERM_WEIGHT = 1.0  # of a cheap term, as in a script
FEATURE_PAIRS = {
    "e_conv1": "e_conv2",
    "e_conv2": "e_conv4",
    "e_conv3": "e_conv7",
}  # student and teacher layers of feature matching
STRUCTURE_TERM = "distillation.structure"
RECIPE_TEXT = """
name = "terms"
run = ["only"]
[data]
use = "dead_leaves"
size = 64
count = 4
held_out = 0.0
[models.student]
use = "nano_dce"
[stages.only]
use = "self_supervised"
objective = "all"
epochs = 1000
"""


class HandwrittenStep:
    """A step of the documented distillation as in a script: a weighted sum of means, and ``.item()`` of each."""

    def __init__(self, side: ZerokdSide):
        components, accumulator = side.stage.components, side.stage.accumulator
        self.training, self.low, names = side.training, side.stage.batches[0].low, side.stage.batches[0].names
        self.student, self.ema = components.get_model("student"), components.get_model("ema")
        self.weights = [*accumulator.objective.weights_at(0).values()]
        self.structure, self.exposure = (
            accumulator.objective.loss(label) for label in (STRUCTURE_TERM, "task.exposure")
        )
        self.cached_tensors = [
            accumulator.frozen_cache.get_or_compute(self.low[n : n + 1], names[n : n + 1]) for n in range(BATCH_SIZE)
        ]
        names = [*self.cached_tensors[0].tensors]
        self.curve_map_name = next(name for name in names if "teacher.curve_map" in name)
        self.teacher_features = {
            layer: next(name for name in names if f".{target})[teacher]" in name)
            for layer, target in FEATURE_PAIRS.items()
        }
        self.student_features: dict[str, Tensor] = {}
        self.log: list[list[float]] = []

    def __call__(self) -> None:
        self.training.zero_grad()
        means = [value.mean() for value in self.compute_terms()]
        total = sum(weight * mean for weight, mean in zip(self.weights, means, strict=True))
        total.backward()
        norm = self.training.clip_grad_norm()
        self.training.optimizer_step(0)
        self.log.append([value.item() for value in (total, norm, *means)])

    def compute_terms(self) -> list[Tensor]:
        targets = {
            name: torch.cat([cached_tensor.tensors[name] for cached_tensor in self.cached_tensors])
            for name in self.cached_tensors[0].tensors
        }
        prepared = [
            torch.cat(parts)
            for parts in zip(
                *(cached_tensor.prepared_ports[STRUCTURE_TERM][0] for cached_tensor in self.cached_tensors), strict=True
            )
        ]
        hooks = [
            self.student.get_submodule(layer).register_forward_hook(self.make_hook(layer)) for layer in FEATURE_PAIRS
        ]
        outputs = self.student(self.low)
        for hook in hooks:
            hook.remove()
        with torch.no_grad():
            negative = self.ema(self.low)["enhanced"]
        enhanced, curve_map, target = outputs["enhanced"], outputs["curve_map"], targets["teacher.enhanced"]
        features = {layer: value.mean(dim=1, keepdim=True) for layer, value in self.student_features.items()}
        return [
            mse(enhanced, target),
            mse(curve_map, targets[self.curve_map_name]),
            self.structure.compare(*prepared, prediction=enhanced),
            *(feature_matching(features[layer], targets[name]) for layer, name in self.teacher_features.items()),
            color_constancy(enhanced),
            spatial_consistency(self.low, enhanced),
            total_variation(curve_map),
            total_variation(enhanced),
            saturation(enhanced),
            multi_region_exposure(enhanced, self.low, self.exposure.target_brightness),
            contrastive(enhanced, target, negative),
        ]

    def make_hook(self, layer: str) -> Callable[..., None]:
        def hook(module: object, inputs: object, output: Tensor) -> None:
            self.student_features[layer] = output

        return hook


def benchmark_distillation(rounds: int) -> dict[str, object]:
    side = ZerokdSide("distill", IMAGE_SIZE, 1, BATCH_SIZE, ("terms.distillation.perceptual.weight=0",))
    handwritten = HandwrittenStep(side)

    def zerokd_step() -> None:
        side.step_count = 0  # the same batch again
        side.step()

    handwritten.training.zero_grad()
    torch.stack([term.mean() for term in handwritten.compute_terms()]).mul(
        torch.tensor(handwritten.weights)
    ).sum().backward()
    expected = torch.cat([parameter.grad.reshape(-1) for parameter in side.stage.accumulator.parameters])
    assert (side.gradient() - expected).norm() <= 1e-4 * expected.norm()
    return compare_with_handwritten(
        "distillation without VGG", len(handwritten.weights), rounds, handwritten, zerokd_step
    )


def build_cheap_stage(count: int) -> tuple[Components, StagePlan]:
    """A stage of ``count`` cheap terms."""
    tables = [f'[terms.all.t{i}]\nuse = "exposure_control"\nlevel = {0.3 + 0.4 * i / count}\n' for i in range(count)]
    document = parse_document(RECIPE_TEXT + "\n".join(tables), "terms.toml")
    components = resolve_recipe(validate_recipe(document), document, discover_plugins())
    return components, components.stages[0]


def benchmark_cheap_terms(count: int, rounds: int) -> dict[str, object]:
    components, stage = build_cheap_stage(count)
    low = torch.rand(BATCH_SIZE, 3, IMAGE_SIZE, IMAGE_SIZE, generator=torch.Generator().manual_seed(0))
    objective = probe(stage, components, Batch.from_images(low[:2]))
    training = StageState(stage, objective, components)
    accumulator = build_accumulator(stage, objective, components, Batch.from_images(low[:2]), 4)
    student, levels = components.student, [0.3 + 0.4 * i / count for i in range(count)]
    batch = Batch({"low": low}, ("a", "b", "c", "d"))

    def handwritten() -> None:
        training.zero_grad()
        enhanced = student(low)["enhanced"]
        sum(TERM_WEIGHT * exposure_control(enhanced, 16, level).mean() for level in levels).backward()
        training.clip_grad_norm()

    def zerokd_step() -> None:
        training.zero_grad()
        accumulator.forward_backward(batch, 0, per_term=False)
        training.clip_grad_norm()

    return compare_with_handwritten(f"{count} cheap terms", count, rounds, handwritten, zerokd_step)


class ExposureByHand(nn.Module):
    """A cheap term with the signature that pytorch-metric-learning calls."""

    def __init__(self, level: float):
        super().__init__()
        self.level = level

    def forward(self, embeddings: Tensor, labels: object = None, indices_tuple: object = None) -> Tensor:
        return exposure_control(embeddings, 16, self.level).mean()


def benchmark_library(count: int, rounds: int) -> list[dict[str, object]]:
    """The same terms in ``zerokd.Objective`` and in pytorch-metric-learning, each against the loop by hand."""
    low = torch.rand(BATCH_SIZE, 3, IMAGE_SIZE, IMAGE_SIZE, generator=torch.Generator().manual_seed(0))
    levels = [0.3 + 0.4 * i / count for i in range(count)]
    components, _ = build_cheap_stage(1)
    student = components.student
    terms = {f"all.t{i}": zerokd.Term("exposure_control", level=level) for i, level in enumerate(levels)}
    objective = zerokd.Objective("all", terms=terms, models={"student": student})

    def handwritten() -> None:
        student.zero_grad()
        enhanced = student(low)["enhanced"]
        sum(TERM_WEIGHT * exposure_control(enhanced, 16, level).mean() for level in levels).backward()

    def public_step() -> None:
        student.zero_grad()
        objective(low).total.backward()

    rows = [compare_with_handwritten(f"{count} in zerokd.Objective", count, rounds, handwritten, public_step)]
    with suppress(ImportError):
        from pytorch_metric_learning.losses import MultipleLosses

        weighted_sum = MultipleLosses([*map(ExposureByHand, levels)], weights=[TERM_WEIGHT] * count)

        def peer_step() -> None:
            student.zero_grad()
            weighted_sum(student(low)["enhanced"], None).backward()

        name = f"{count} in metric-learning"
        rows.append(compare_with_handwritten(name, count, rounds, handwritten, peer_step))
    return rows


def compare_with_handwritten(
    name: str, count: int, rounds: int, handwritten: Callable[[], None], zerokd_step: Callable[[], None]
) -> dict[str, object]:
    times, overheads = [], []
    for number in range(rounds + WARMUP_ROUNDS):
        start = time.perf_counter()
        handwritten()
        middle = time.perf_counter()
        zerokd_step()
        end = time.perf_counter()
        if number >= WARMUP_ROUNDS:
            times.append(1e6 * (middle - start))
            overheads.append(1e6 * (end - middle) - times[-1])
    by_hand, overhead = statistics.median(times), statistics.median(overheads)
    return {
        "step": name,
        "by_hand_us": by_hand,
        "overhead_us": overhead,
        "share": overhead / by_hand,
        "overhead_us_per_term": overhead / count,
    }


@click.command()
@click.option("--threads", default=1, show_default=True)
@click.option("--rounds", default=400, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(threads: int, rounds: int, as_json: bool) -> None:
    torch.set_num_threads(threads)
    rows = [benchmark_distillation(rounds), *(benchmark_cheap_terms(count, rounds) for count in TERM_COUNTS)]
    rows += [row for count in TERM_COUNTS for row in benchmark_library(count, rounds)]
    about = describe_machine() | {"threads": threads}
    if as_json:
        click.echo(json.dumps({"machine": about, "batch": BATCH_SIZE, "rows": rows}, indent=2))
        return
    click.echo(
        f"batch {BATCH_SIZE}, {IMAGE_SIZE} pixels, {threads} threads of {about['processor']}, torch {torch.__version__}"
    )
    click.echo(f"{'step':28}{'by hand, us':>12}{'overhead':>10}{'share':>8}{'us per term':>12}")
    for row in rows:
        times = f"{row['by_hand_us']:12.0f}{row['overhead_us']:10.0f}"
        click.echo(f"{row['step']:28}{times}{100 * row['share']:7.1f}%{row['overhead_us_per_term']:12.1f}")


if __name__ == "__main__":
    main()
