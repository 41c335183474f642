"""What a recipe's steps cost on this machine, what was chosen to make them cheap, and what else was tried."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle
from typing import Any

import torch
from attrs import asdict, evolve, frozen
from torch import Tensor

from zerokd.describe.evidence_text import wrap_text
from zerokd.objective.graph import ForwardPass
from zerokd.objective.objective import Objective, PreparedTensors
from zerokd.run.plan import RunPlan
from zerokd.training.batches import iterate_batches
from zerokd.training.device import choose_memory_format
from zerokd.training.frozen_cache.cache import FrozenCache
from zerokd.training.loop import train_step
from zerokd.training.nonfinite_policy import NonFinitePolicy
from zerokd.training.state import StageState
from zerokd.training.step import GradientAccumulator
from zerokd.training.step_log import StepLog

BATCH_COUNT = 2  # batches that are stepped on in turn
WARM_UP_ROUNDS, TIMED_ROUNDS = 3, 7
NEVER_DIAGNOSE = 2**31
MIB = 2**20
NAME_WIDTH = 42  # characters of a name


@frozen
class PartCost:
    """A model or a term, alone: milliseconds for one batch, with its gradient where it has one."""

    name: str
    milliseconds: float


@frozen
class StepVariant:
    """A way to compute a step; ``chosen`` is the one that a run takes."""

    name: str
    milliseconds: float
    chosen: bool


@frozen
class StageCost:
    """A stage: ways to step, its parts, and of each thing that can be kept: name, bytes an image, images with room."""

    stage: str
    images: int
    batch: int
    ways: tuple[StepVariant, ...]
    parts: tuple[PartCost, ...]
    layouts: dict[str, str]
    kept: tuple[tuple[str, int, int], ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


def measure_step_costs(plan: RunPlan) -> Iterator[StageCost]:
    """Measure every stage of a plan in turn; what training changes is put back."""
    for accumulator in plan.accumulators:
        yield _StageBenchmark(plan, accumulator).measure()


class _StageBenchmark:
    def __init__(self, plan: RunPlan, accumulator: GradientAccumulator):
        self.plan, self.accumulator, self.stage = plan, accumulator, accumulator.stage
        found = iterate_batches(
            plan.components.data, plan.training_indices, accumulator.stage, plan.components.seed, plan.device
        )
        self.batches = [batch for batch, _ in zip(found, range(BATCH_COUNT), strict=False)]

    def measure(self) -> StageCost:
        student = self.plan.components.student
        state = {name: one.clone() for name, one in student.state_dict().items()}
        ways = tuple(self._measure_variants())
        student.load_state_dict(state)
        parts = tuple(sorted(self._measure_parts(), key=lambda part: -part.milliseconds))
        layouts = {call.owner: _describe_layout(call) for call in self.accumulator.objective.graph.forward_passes()}
        kept = tuple(
            (allotment.name, allotment.bytes_per_image, allotment.image_count)
            for allotment in self.accumulator.frozen_cache.allotments
        )
        return StageCost(
            self.stage.name, len(self.plan.training_indices), self.stage.batch_size, ways, parts, layouts, kept
        )

    def _measure_variants(self) -> Iterator[StepVariant]:
        chosen, batch = self.accumulator, self.stage.batch_size
        how = f", {chosen.compiled_steps[0].mode}" if chosen.compiled_steps else ""
        yield StepVariant(f"{chosen.micro_batch_size} at once{how}", self._time_step(chosen), True)
        plain = evolve(chosen, compiled_steps=())
        if chosen.compiled_steps:
            yield StepVariant(f"{chosen.micro_batch_size} at once", self._time_step(plain), False)
        for count in sorted({1, 2, batch} - {chosen.micro_batch_size}):
            if count <= batch:
                yield StepVariant(f"{count} at once", self._time_step(evolve(plain, micro_batch_size=count)), False)
        if chosen.frozen_cache.allotments:
            none = self.plan.components.speed.model_copy(update={"cache": "off"})
            afresh = FrozenCache(self.stage, chosen.objective, len(self.plan.training_indices), none, self.plan.device)
            yield StepVariant(
                f"{chosen.micro_batch_size} at once, none kept",
                self._time_step(evolve(plain, frozen_cache=afresh)),
                False,
            )

    def _time_step(self, accumulator: GradientAccumulator) -> float:
        """Milliseconds of a step on images that came before."""
        components = evolve(self.plan.components, diagnose_every=NEVER_DIAGNOSE)
        training, turns = StageState(self.stage, accumulator.objective, components), cycle(self.batches)
        metrics, guard = StepLog(self.stage, accumulator.objective, io.StringIO()), NonFinitePolicy(0)
        return self._time_median(lambda: train_step(training, accumulator, components, next(turns), metrics, guard))

    def _measure_parts(self) -> Iterator[PartCost]:
        objective, batch = self.accumulator.objective, self.batches[0]
        kept, inputs = (
            self.accumulator.frozen_cache.get_or_compute(batch.low, batch.names),
            self.stage.plugin.inputs(batch.low),
        )
        for call in objective.graph.forward_passes():
            once = call.frozen and bool(self.accumulator.frozen_cache.allotments)
            name = f"model {call.owner}" + (" (once an image)" if once else "")
            yield PartCost(name, self._time_median(partial(_run_forward_backward, call, inputs)))
        labels = list(objective.weights_at(0))
        tensors = objective.graph.compute(
            {**inputs, **kept.tensors}, objective.graph.tensors_read_by(labels, kept.prepared_ports)
        )
        held = {name: one.detach().requires_grad_(one.requires_grad) for name, one in tensors.items()}
        for label in labels:
            yield PartCost(
                label,
                self._time_median(
                    partial(_run_term_forward_backward, objective, label, held, kept.prepared_ports.get(label))
                ),
            )

    def _time_median(self, function: Callable[[], object]) -> float:
        """Milliseconds, the median of some rounds."""
        times = []
        for _ in range(WARM_UP_ROUNDS + TIMED_ROUNDS):
            started = time.perf_counter()
            function()
            if self.plan.device.type == "cuda":
                torch.cuda.synchronize(self.plan.device)
            times.append(time.perf_counter() - started)
        return 1000 * statistics.median(times[WARM_UP_ROUNDS:])


def _describe_layout(call: ForwardPass) -> str:
    return "channels last" if choose_memory_format(call.network) is torch.channels_last else "channel by channel"


def _run_forward_backward(call: ForwardPass, inputs: Mapping[str, Tensor]) -> None:
    made = [one.sum() for one in call.compute(inputs).values() if one.requires_grad]
    if made:
        torch.autograd.grad(
            torch.stack(made).sum(), [parameter for parameter in call.network.parameters() if parameter.requires_grad]
        )


def _run_term_forward_backward(
    objective: Objective, label: str, tensors: Mapping[str, Tensor], prepared: Sequence[PreparedTensors] | None
) -> None:
    value = objective.value(label, tensors, prepared)
    read = [tensors[name] for name in objective.graph.bindings[label].values() if name in tensors]
    if value.requires_grad:
        torch.autograd.grad(value.sum(), [one for one in read if one.requires_grad])


def describe_step_costs(costs: Iterable[StageCost], device: str, threads: int) -> Iterator[str]:
    """Lines for a person, stage by stage."""
    for cost in costs:
        yield f"{cost.stage}: {cost.images} images, batch {cost.batch}, on {device}, {threads} threads"
        best = min(way.milliseconds for way in cost.ways)
        for way in cost.ways:
            mark = "what a run does" if way.chosen else ""
            mark += (", " if mark else "") + "the fastest here" if way.milliseconds == best else ""
            yield f"  a step, {way.name:<22}{way.milliseconds:9.2f} ms  {mark}".rstrip()
        yield "  alone, forwards and backwards:"
        for part in cost.parts:
            yield f"    {part.name:<38}{part.milliseconds:9.2f} ms"
        layouts = "; ".join(f"{owner}, {how}" for owner, how in cost.layouts.items())
        yield from wrap_text(f"  how tensors lie in memory: {layouts}", "    ")
        yield from _describe_cache(cost)
        yield ""


def _describe_cache(cost: StageCost) -> Iterator[str]:
    if not cost.kept:
        yield "  nothing is kept of an image: nothing is frozen, or no image comes again"
        return
    total = sum(size * images for _, size, images in cost.kept)
    yield f"  kept of images that come again: {total / MIB:.0f} MiB"
    for name, size, images in cost.kept:
        shown = name if len(name) <= NAME_WIDTH else f"{name[: NAME_WIDTH - 3]}..."
        yield f"    {shown:<{NAME_WIDTH}}{size / MIB:9.2f} MiB each, {images} of {cost.images}"
