"""What the training loop adds to the same functions called by hand, on 64x64 pixels: in all, and for each term.

    python benchmarks/loop.py [--threads 1] [--rounds 400] [--json]

One step of the documented distillation without VGG, against the functions of its terms called as a script would; and
steps of 1, 10 and 40 cheap terms, against a loop over their function. Both ways take turns in one process, are held to
the same gradient first, and what is printed is the median of the differences of neighbouring turns.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import click
import torch
from sides import zerokd_side
from torch import Tensor

from zerokd.losses.color_constancy import color_constancy
from zerokd.losses.contrastive import contrastive
from zerokd.losses.exposure_control import exposure_control
from zerokd.losses.feature_matching import feature_matching
from zerokd.losses.mse import mse
from zerokd.losses.multi_region_exposure import multi_region_exposure
from zerokd.losses.saturation import saturation
from zerokd.losses.spatial_consistency import spatial_consistency
from zerokd.losses.total_variation import total_variation
from zerokd.objective.stage_plan import Phase
from zerokd.plugin.host import discover
from zerokd.proof.probe import probe
from zerokd.recipe.build.components import Components
from zerokd.recipe.build.resolver import resolve
from zerokd.recipe.schema.recipe import validate
from zerokd.recipe.toml.document import parse_document
from zerokd.student.evaluate.cost import machine
from zerokd.training.batches import Batch
from zerokd.training.state import Training
from zerokd.training.step import stepper

BATCH, SIZE, WARM = 4, 64, 20
WEIGHT = 1.0  # of a cheap term; a script has one
PAIRS = {"e_conv1": "e_conv2", "e_conv2": "e_conv4", "e_conv3": "e_conv7"}  # features that are matched
STRUCTURE = "distillation.structure"
RECIPE = """
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


class ByHand:
    """A step of the documented distillation as in a script: a weighted sum of means, and ``.item()`` of each."""

    def __init__(self, side: zerokd_side):
        components, stepper = side.stage.components, side.stage.stepper
        self.training, self.low, names = side.training, side.stage.batches[0].low, side.stage.batches[0].names
        self.student, self.ema = components.network("student"), components.network("ema")
        self.weights = [*stepper.objective.weights_at(0).values()]
        self.structure, self.exposure = (stepper.objective.loss(one) for one in (STRUCTURE, "task.exposure"))
        self.kept = [stepper.targets.of(self.low[n : n + 1], names[n : n + 1]) for n in range(BATCH)]
        wanted = [*self.kept[0].tensors]
        self.curve_map = next(name for name in wanted if "teacher.curve_map" in name)
        self.teacher = {one: next(name for name in wanted if f".{to})[teacher]" in name) for one, to in PAIRS.items()}
        self.found: dict[str, Tensor] = {}
        self.log: list[list[float]] = []

    def __call__(self) -> None:
        self.training.forget()
        means = [value.mean() for value in self.values()]
        total = sum(weight * mean for weight, mean in zip(self.weights, means, strict=True))
        total.backward()
        norm = self.training.clip()
        self.training.descend(0)
        self.log.append([one.item() for one in (total, norm, *means)])

    def values(self) -> list[Tensor]:
        wanted = {name: torch.cat([one.tensors[name] for one in self.kept]) for name in self.kept[0].tensors}
        local = [torch.cat(each) for each in zip(*(one.prepared[STRUCTURE][0] for one in self.kept), strict=True)]
        hooks = [self.student.get_submodule(layer).register_forward_hook(self.keep(layer)) for layer in PAIRS]
        made = self.student(self.low)
        for hook in hooks:
            hook.remove()
        with torch.no_grad():
            negative = self.ema(self.low)["enhanced"]
        enhanced, curve_map, target = made["enhanced"], made["curve_map"], wanted["teacher.enhanced"]
        features = {layer: one.mean(dim=1, keepdim=True) for layer, one in self.found.items()}
        return [
            mse(enhanced, target),
            mse(curve_map, wanted[self.curve_map]),
            self.structure.compare(*local, prediction=enhanced),
            *(feature_matching(features[layer], wanted[name]) for layer, name in self.teacher.items()),
            color_constancy(enhanced),
            spatial_consistency(self.low, enhanced),
            total_variation(curve_map),
            total_variation(enhanced),
            saturation(enhanced),
            multi_region_exposure(enhanced, self.low, self.exposure.target),
            contrastive(enhanced, target, negative),
        ]

    def keep(self, layer: str) -> Callable[..., None]:
        def hook(module: object, given: object, output: Tensor) -> None:
            self.found[layer] = output

        return hook


def documented(rounds: int) -> dict[str, object]:
    side = zerokd_side("distill", SIZE, 1, BATCH, ("terms.distillation.perceptual.weight=0",))
    by_hand = ByHand(side)

    def ours() -> None:
        side.count = 0  # the same batch again
        side.step()

    by_hand.training.forget()
    torch.stack([one.mean() for one in by_hand.values()]).mul(torch.tensor(by_hand.weights)).sum().backward()
    expected = torch.cat([one.grad.reshape(-1) for one in side.stage.stepper.parameters])
    assert (side.gradient() - expected).norm() <= 1e-4 * expected.norm()
    return compared("distillation without VGG", len(by_hand.weights), rounds, by_hand, ours)


def terms(count: int) -> tuple[Components, Phase]:
    """A stage of so many cheap terms."""
    tables = [f'[terms.all.t{i}]\nuse = "exposure_control"\nlevel = {0.3 + 0.4 * i / count}\n' for i in range(count)]
    document = parse_document(RECIPE + "\n".join(tables), "terms.toml")
    components = resolve(validate(document), document, discover())
    return components, components.phases[0]


def cheap(count: int, rounds: int) -> dict[str, object]:
    components, phase = terms(count)
    low = torch.rand(BATCH, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    objective = probe(phase, components, low[:2])
    training, one = Training(phase, objective, components), stepper(phase, objective, components, low[:2], 4)
    student, levels = components.student, [0.3 + 0.4 * i / count for i in range(count)]
    batch = Batch(0, low, ("a", "b", "c", "d"))

    def by_hand() -> None:
        training.forget()
        enhanced = student(low)["enhanced"]
        sum(WEIGHT * exposure_control(enhanced, 16, level).mean() for level in levels).backward()
        training.clip()

    def ours() -> None:
        training.forget()
        one.backward(batch, 0, apart=False)
        training.clip()

    return compared(f"{count} cheap terms", count, rounds, by_hand, ours)


def compared(
    name: str, count: int, rounds: int, by_hand: Callable[[], None], ours: Callable[[], None]
) -> dict[str, object]:
    times, more = [], []
    for number in range(rounds + WARM):
        start = time.perf_counter()
        by_hand()
        middle = time.perf_counter()
        ours()
        end = time.perf_counter()
        if number >= WARM:
            times.append(1e6 * (middle - start))
            more.append(1e6 * (end - middle) - times[-1])
    usual, added = statistics.median(times), statistics.median(more)
    return {
        "step": name,
        "by_hand_us": usual,
        "more_us": added,
        "share": added / usual,
        "more_us_a_term": added / count,
    }


@click.command()
@click.option("--threads", default=1, show_default=True)
@click.option("--rounds", default=400, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(threads: int, rounds: int, as_json: bool) -> None:
    torch.set_num_threads(threads)
    rows = [documented(rounds), *(cheap(count, rounds) for count in (1, 10, 40))]
    about = machine() | {"threads": threads}
    if as_json:
        click.echo(json.dumps({"machine": about, "batch": BATCH, "rows": rows}, indent=2))
        return
    click.echo(f"batch {BATCH}, {SIZE} pixels, {threads} threads of {about['processor']}, torch {torch.__version__}")
    click.echo(f"{'a step of':28}{'by hand, us':>12}{'more, us':>10}{'share':>8}{'us a term':>11}")
    for row in rows:
        figures = (
            f"{row['by_hand_us']:12.0f}{row['more_us']:10.0f}{100 * row['share']:7.1f}%{row['more_us_a_term']:11.1f}"
        )
        click.echo(f"{row['step']:28}{figures}")


if __name__ == "__main__":
    main()
