"""The cost of a recipe's steps on this machine: the variant that runs use, its alternatives, and its parts."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle, islice
from typing import Any

import torch
from attrs import asdict, evolve, frozen
from torch import Tensor

from zerokd.objective.cached_tensors import PreparedTensors
from zerokd.objective.calls import ForwardPass
from zerokd.objective.objective import Objective
from zerokd.run.plan import RunPlan
from zerokd.text import wrap_text
from zerokd.training.batches import iterate_batches
from zerokd.training.device import choose_memory_format
from zerokd.training.frozen_cache.cache import FrozenCache
from zerokd.training.frozen_cache.in_memory import CacheAllotment
from zerokd.training.loop import Player, train_step
from zerokd.training.nonfinite_policy import NonFinitePolicy
from zerokd.training.state import StageState
from zerokd.training.step import GradientAccumulator
from zerokd.training.step_log import StepLog

BATCH_COUNT = 2  # steps use these batches in turn
WARM_UP_ROUNDS, TIMED_ROUNDS = 3, 7
NEVER_DIAGNOSE = 2**31
MIB = 2**20
NAME_WIDTH = 38  # characters


@frozen
class PartCost:
    """A model or a term by itself: forward, and backward if it is trained, on one batch."""

    name: str
    milliseconds: float


@frozen
class StepVariant:
    """A way to compute a step; runs use the ``chosen`` one."""

    name: str
    milliseconds: float
    chosen: bool


@frozen
class StageCost:
    """A stage: variants of its step, the cost of each part, memory formats, and what the frozen cache holds."""

    stage: str
    image_count: int
    batch_size: int
    variants: tuple[StepVariant, ...]
    parts: tuple[PartCost, ...]
    memory_formats: dict[str, str]
    allotments: tuple[CacheAllotment, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain data, as ``zerokd bench --json`` prints it."""
        return {
            "stage": self.stage,
            "images": self.image_count,
            "batch": self.batch_size,
            "ways": [asdict(variant) for variant in self.variants],
            "parts": [asdict(part) for part in self.parts],
            "layouts": self.memory_formats,
            "kept": [[part.name, part.bytes_per_image, part.image_count] for part in self.allotments],
        }


def measure_step_costs(plan: RunPlan) -> Iterator[StageCost]:
    """Measure every stage of a plan in turn; the student's state is restored."""
    for accumulator in plan.accumulators:
        yield _StageBenchmark(plan, accumulator).measure()


class _StageBenchmark:
    def __init__(self, plan: RunPlan, accumulator: GradientAccumulator):
        self.plan, self.accumulator, self.stage = plan, accumulator, accumulator.stage
        data, seed = plan.components.data, plan.components.seed
        batches = iterate_batches(data, plan.training_indices, accumulator.stage, seed, plan.device)
        self.batches = list(islice(batches, BATCH_COUNT))

    def measure(self) -> StageCost:
        student = self.plan.components.student
        state = {name: tensor.clone() for name, tensor in student.state_dict().items()}
        variants = tuple(self._measure_variants())
        student.load_state_dict(state)
        parts = tuple(sorted(self._measure_parts(), key=lambda part: -part.milliseconds))
        forward_passes = self.accumulator.objective.graph.forward_passes()
        formats = {call.owner: _describe_memory_format(call) for call in forward_passes}
        allotments, count = self.accumulator.frozen_cache.allotments, len(self.plan.training_indices)
        return StageCost(self.stage.name, count, self.stage.batch_size, variants, parts, formats, allotments)

    def _measure_variants(self) -> Iterator[StepVariant]:
        chosen, batch_size = self.accumulator, self.stage.batch_size
        name = f"micro-batch {chosen.micro_batch_size}"
        mode = f", {chosen.compiled_steps[0].mode}" if chosen.compiled_steps else ""
        yield StepVariant(name + mode, self._time_step(chosen), True)
        plain = evolve(chosen, compiled_steps=())
        if chosen.compiled_steps:
            yield StepVariant(name, self._time_step(plain), False)
        for size in sorted({1, 2, batch_size} - {chosen.micro_batch_size}):
            if size <= batch_size:
                yield StepVariant(f"micro-batch {size}", self._time_step(evolve(plain, micro_batch_size=size)), False)
        if chosen.frozen_cache.allotments:
            speed = self.plan.components.speed.model_copy(update={"cache": "off"})
            empty = FrozenCache(self.stage, chosen.objective, len(self.plan.training_indices), speed, self.plan.device)
            yield StepVariant(f"{name}, no cache", self._time_step(evolve(plain, frozen_cache=empty)), False)

    def _time_step(self, accumulator: GradientAccumulator) -> float:
        """Milliseconds of a step on images that the cache holds."""
        components = evolve(self.plan.components, diagnose_every=NEVER_DIAGNOSE)
        state, batches = StageState(self.stage, accumulator.objective, components), cycle(self.batches)
        step_log, policy = StepLog(self.stage, accumulator.objective, io.StringIO()), NonFinitePolicy(0)
        player = Player(state, accumulator, step_log)
        return self._time_median(lambda: train_step(player, components, next(batches), policy))

    def _measure_parts(self) -> Iterator[PartCost]:
        objective, batch = self.accumulator.objective, self.batches[0]
        inputs = self.stage.plugin.inputs(batch)
        cached = self.accumulator.frozen_cache.get_or_compute(inputs, batch.names)
        for call in objective.graph.forward_passes():
            once = call.is_fixed and bool(self.accumulator.frozen_cache.allotments)
            name = f"model {call.key}" + (" (once per image)" if once else "")
            yield PartCost(name, self._time_median(partial(_run_forward_backward, call, inputs)))
        labels = list(objective.weights_at(0))
        tensors = objective.graph.compute(
            {**inputs, **cached.tensors}, objective.graph.tensors_read_by(labels, cached.prepared_ports)
        )
        leaves = {name: tensor.detach().requires_grad_(tensor.requires_grad) for name, tensor in tensors.items()}
        for label in labels:
            prepared = cached.prepared_ports.get(label)
            yield PartCost(
                label, self._time_median(partial(_run_term_forward_backward, objective, label, leaves, prepared))
            )

    def _time_median(self, function: Callable[[], object]) -> float:
        """Median milliseconds of some rounds after a warm-up."""
        times = []
        for _ in range(WARM_UP_ROUNDS + TIMED_ROUNDS):
            started = time.perf_counter()
            function()
            if self.plan.device.type == "cuda":
                torch.cuda.synchronize(self.plan.device)
            times.append(time.perf_counter() - started)
        return 1000 * statistics.median(times[WARM_UP_ROUNDS:])


def _describe_memory_format(call: ForwardPass) -> str:
    return "channels last" if choose_memory_format(call.network) is torch.channels_last else "contiguous"


def _run_forward_backward(call: ForwardPass, inputs: Mapping[str, Tensor]) -> None:
    sums = [output.sum() for output in call.compute(inputs).values() if output.requires_grad]
    if sums:
        trained = [parameter for parameter in call.network.parameters() if parameter.requires_grad]
        torch.autograd.grad(torch.stack(sums).sum(), trained)


def _run_term_forward_backward(
    objective: Objective, label: str, tensors: Mapping[str, Tensor], prepared: Sequence[PreparedTensors] | None
) -> None:
    value = objective.value(label, tensors, prepared)
    read = [tensors[name] for name in objective.graph.bindings[label].values() if name in tensors]
    if value.requires_grad:
        torch.autograd.grad(value.sum(), [tensor for tensor in read if tensor.requires_grad])


def describe_step_costs(costs: Iterable[StageCost], device: str, threads: int) -> Iterator[str]:
    """Lines for people, stage by stage."""
    for cost in costs:
        yield f"{cost.stage}: {cost.image_count} images, batch {cost.batch_size}, on {device}, {threads} threads"
        fastest = min(variant.milliseconds for variant in cost.variants)
        for variant in cost.variants:
            marks = ["used by runs"] if variant.chosen else []
            marks += ["fastest"] if variant.milliseconds == fastest else []
            yield f"  step, {variant.name:<24}{variant.milliseconds:9.2f} ms  {', '.join(marks)}".rstrip()
        yield "  parts, forward and backward:"
        for part in cost.parts:
            yield f"    {part.name:<{NAME_WIDTH}}{part.milliseconds:9.2f} ms"
        formats = ", ".join(f"{owner} {name}" for owner, name in cost.memory_formats.items())
        yield from wrap_text(f"  memory format: {formats}", "    ")
        yield from _describe_cache(cost)
        yield ""


def _describe_cache(cost: StageCost) -> Iterator[str]:
    if not cost.allotments:
        yield "  frozen cache: empty (nothing is frozen, or no image repeats)"
        return
    total = sum(part.bytes_per_image * part.image_count for part in cost.allotments)
    yield f"  frozen cache: {total / MIB:.0f} MiB"
    for part in cost.allotments:
        name = part.name if len(part.name) <= NAME_WIDTH else f"{part.name[: NAME_WIDTH - 3]}..."
        size = f"{part.bytes_per_image / MIB:9.2f} MiB/image"
        yield f"    {name:<{NAME_WIDTH}}{size}, {part.image_count} of {cost.image_count} images"
