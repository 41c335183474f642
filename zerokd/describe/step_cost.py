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

from zerokd.describe.evidence_text import wrapped
from zerokd.objective.graph import Forward
from zerokd.objective.objective import Objective, Prepared
from zerokd.run.session import Plan
from zerokd.training.batches import batches
from zerokd.training.device import layout
from zerokd.training.frozen_cache.cache import Targets
from zerokd.training.loop import take
from zerokd.training.nonfinite_policy import Guard
from zerokd.training.state import Training
from zerokd.training.step import Stepper
from zerokd.training.step_log import Metrics

SEEN = 2  # batches that are stepped on in turn
WARM_UP, ROUNDS = 3, 7
NEVER = 2**31
MIB = 2**20
SHOWN = 42  # characters of a name


@frozen
class Part:
    """A model or a term, alone: milliseconds for one batch, with its gradient where it has one."""

    name: str
    milliseconds: float


@frozen
class Way:
    """A way to compute a step; ``chosen`` is the one that a run takes."""

    name: str
    milliseconds: float
    chosen: bool


@frozen
class Bench:
    """A stage: ways to step, its parts, and of each thing that can be kept: name, bytes an image, images with room."""

    stage: str
    images: int
    batch: int
    ways: tuple[Way, ...]
    parts: tuple[Part, ...]
    layouts: dict[str, str]
    kept: tuple[tuple[str, int, int], ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


def bench(plan: Plan) -> Iterator[Bench]:
    """Measure every stage of a plan in turn; what training changes is put back."""
    for stepper in plan.steppers:
        yield _Stage(plan, stepper).measured()


class _Stage:
    def __init__(self, plan: Plan, stepper: Stepper):
        self.plan, self.stepper, self.phase = plan, stepper, stepper.phase
        found = batches(plan.components.data, plan.training, stepper.phase, plan.components.seed, plan.device)
        self.batches = [batch for batch, _ in zip(found, range(SEEN), strict=False)]

    def measured(self) -> Bench:
        student = self.plan.components.student
        state = {name: one.clone() for name, one in student.state_dict().items()}
        ways = tuple(self._ways())
        student.load_state_dict(state)
        parts = tuple(sorted(self._parts(), key=lambda part: -part.milliseconds))
        layouts = {call.owner: _layout(call) for call in self.stepper.objective.graph.forwards()}
        kept = tuple((one.name, one.bytes, one.images) for one in self.stepper.targets.shares)
        return Bench(self.phase.name, len(self.plan.training), self.phase.batch, ways, parts, layouts, kept)

    def _ways(self) -> Iterator[Way]:
        chosen, batch = self.stepper, self.phase.batch
        how = f", {chosen.programs[0].how}" if chosen.programs else ""
        yield Way(f"{chosen.at_once} at once{how}", self._step(chosen), True)
        plain = evolve(chosen, programs=())
        if chosen.programs:
            yield Way(f"{chosen.at_once} at once", self._step(plain), False)
        for count in sorted({1, 2, batch} - {chosen.at_once}):
            if count <= batch:
                yield Way(f"{count} at once", self._step(evolve(plain, at_once=count)), False)
        if chosen.targets.shares:
            none = self.plan.components.speed.model_copy(update={"cache": "off"})
            afresh = Targets(self.phase, chosen.objective, len(self.plan.training), none, self.plan.device)
            yield Way(f"{chosen.at_once} at once, none kept", self._step(evolve(plain, targets=afresh)), False)

    def _step(self, stepper: Stepper) -> float:
        """Milliseconds of a step on images that came before."""
        components = evolve(self.plan.components, diagnose_every=NEVER)
        training, turns = Training(self.phase, stepper.objective, components), cycle(self.batches)
        metrics, guard = Metrics(self.phase, stepper.objective, io.StringIO()), Guard(0)
        return self._timed(lambda: take(training, stepper, components, next(turns), metrics, guard))

    def _parts(self) -> Iterator[Part]:
        objective, batch = self.stepper.objective, self.batches[0]
        kept, inputs = self.stepper.targets.of(batch.low, batch.names), self.phase.stage.inputs(batch.low)
        for call in objective.graph.forwards():
            once = call.frozen and bool(self.stepper.targets.shares)
            name = f"model {call.owner}" + (" (once an image)" if once else "")
            yield Part(name, self._timed(partial(_forward, call, inputs)))
        labels = list(objective.weights_at(0))
        tensors = objective.graph.compute({**inputs, **kept.tensors}, objective.graph.read_by(labels, kept.prepared))
        held = {name: one.detach().requires_grad_(one.requires_grad) for name, one in tensors.items()}
        for label in labels:
            yield Part(label, self._timed(partial(_term, objective, label, held, kept.prepared.get(label))))

    def _timed(self, work: Callable[[], object]) -> float:
        """Milliseconds, the median of some rounds."""
        times = []
        for _ in range(WARM_UP + ROUNDS):
            started = time.perf_counter()
            work()
            if self.plan.device.type == "cuda":
                torch.cuda.synchronize(self.plan.device)
            times.append(time.perf_counter() - started)
        return 1000 * statistics.median(times[WARM_UP:])


def _layout(call: Forward) -> str:
    return "channels last" if layout(call.network) is torch.channels_last else "channel by channel"


def _forward(call: Forward, inputs: Mapping[str, Tensor]) -> None:
    made = [one.sum() for one in call.compute(inputs).values() if one.requires_grad]
    if made:
        torch.autograd.grad(torch.stack(made).sum(), [one for one in call.network.parameters() if one.requires_grad])


def _term(objective: Objective, label: str, held: Mapping[str, Tensor], prepared: Sequence[Prepared] | None) -> None:
    value = objective.value(label, held, prepared)
    read = [held[name] for name in objective.graph.bindings[label].values() if name in held]
    if value.requires_grad:
        torch.autograd.grad(value.sum(), [one for one in read if one.requires_grad])


def as_text(benches: Iterable[Bench], device: str, threads: int) -> Iterator[str]:
    """Lines for a person, stage by stage."""
    for one in benches:
        yield f"{one.stage}: {one.images} images, batch {one.batch}, on {device}, {threads} threads"
        best = min(way.milliseconds for way in one.ways)
        for way in one.ways:
            mark = "what a run does" if way.chosen else ""
            mark += (", " if mark else "") + "the fastest here" if way.milliseconds == best else ""
            yield f"  a step, {way.name:<22}{way.milliseconds:9.2f} ms  {mark}".rstrip()
        yield "  alone, forwards and backwards:"
        for part in one.parts:
            yield f"    {part.name:<38}{part.milliseconds:9.2f} ms"
        layouts = "; ".join(f"{owner}, {how}" for owner, how in one.layouts.items())
        yield from wrapped(f"  how tensors lie in memory: {layouts}", "    ")
        yield from _room(one)
        yield ""


def _room(one: Bench) -> Iterator[str]:
    if not one.kept:
        yield "  nothing is kept of an image: nothing is frozen, or no image comes again"
        return
    total = sum(size * images for _, size, images in one.kept)
    yield f"  kept of images that come again: {total / MIB:.0f} MiB"
    for name, size, images in one.kept:
        shown = name if len(name) <= SHOWN else f"{name[: SHOWN - 3]}..."
        yield f"    {shown:<{SHOWN}}{size / MIB:9.2f} MiB each, {images} of {one.images}"
