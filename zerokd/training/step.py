"""One step's objective and its gradient, a few images at a time."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from attrs import evolve, frozen
from torch import Tensor, nn

from zerokd.errors import Problem, RecipeError
from zerokd.objective.gradients import term_gradients
from zerokd.objective.objective import Evaluation, Objective, joined
from zerokd.objective.precision import DTYPES, TF32
from zerokd.objective.stage_plan import Phase
from zerokd.plugin.contracts import Model
from zerokd.proof.trial import undisturbed
from zerokd.recipe.build.components import Components
from zerokd.recipe.schema.speed import Speed
from zerokd.training.batches import Batch
from zerokd.training.compile.compiled_step import CLOSE, NotCompiledError, Program, compiled
from zerokd.training.frozen_cache.cache import Targets
from zerokd.training.process_group import most_of

PIXELS = 2**16  # computed at once on a CPU: more no longer fit its caches, fewer are not worth the calls
ALONE = 1e-4  # by how much an image's output may depend on its batch, relative


@frozen(eq=False)
class Stepper:
    """Computes a batch in parts of ``at_once`` images. Every value of an objective is one image's own, so the parts'
    gradients add up to that of the batch, and a step needs the memory of its largest part. Parts that one of the
    ``programs`` fits are computed by it; ``without`` says why one that was wanted is not there."""

    phase: Phase
    objective: Objective
    targets: Targets
    own: list[nn.Parameter]
    parameters: list[nn.Parameter]
    at_once: int
    programs: tuple[Program, ...] = ()
    without: tuple[str, ...] = ()

    def backward(self, batch: Batch, step: int, apart: bool) -> tuple[Evaluation, dict[str, Tensor]]:
        """Add a batch's gradient to what is stored. Returns its evaluation without graph, and where ``apart`` is asked
        for the gradient of each term."""
        parts: list[Evaluation] = []
        gradients: dict[str, Tensor] = {}
        count, weights = len(batch.names), self.objective.weights_at(step) if self.programs else {}
        for start in range(0, count, self.at_once):
            low, names = batch.low[start : start + self.at_once], batch.names[start : start + self.at_once]
            inputs, share = self.phase.stage.inputs(low), len(names) / count
            kept = self.targets.of(inputs["low"], names, keep=inputs["low"] is low)  # a stage may change it
            program = next((one for one in self.programs if one.fits(len(names), weights, apart)), None)
            if program:
                evaluation, gradient, each = program(inputs, weights, kept)
                gradients = _added(gradients, each, share)
                self._add(share * gradient)
                parts.append(evaluation)
                continue
            evaluation = self.objective(inputs, step, kept)
            if apart:
                one = term_gradients(evaluation.weights, evaluation.values, self.own)
                gradients = _added(gradients, one, share)
            (evaluation.total if share == 1 else share * evaluation.total).backward()
            parts.append(evaluation.detached())
        return joined(parts), gradients

    def _add(self, gradient: Tensor) -> None:
        """Add a gradient at all that is trained to the stored ones."""
        pieces = gradient.split([one.numel() for one in self.parameters])
        stored = [one.grad for one in self.parameters if one.grad is not None]
        torch._foreach_add_(stored, [piece.view_as(one) for one, piece in zip(stored, pieces, strict=True)])


def trained(student: Model, objective: Objective) -> list[nn.Parameter]:
    """All that a stage trains."""
    return [one for one in (*student.parameters(), *objective.parameters()) if one.requires_grad]


def _added(sums: Mapping[str, Tensor], more: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    return {label: sums.get(label, 0) + share * one for label, one in more.items()}


def stepper(phase: Phase, objective: Objective, components: Components, sample: Tensor, images: int) -> Stepper:
    """How a stage of that many images steps, decided on a batch like its own (N, 3, H, W).

    Raises:
        RecipeError: the recipe asks for what the student does not allow, or for a program that cannot be made.
    """
    targets = Targets(phase, objective, images, components.speed, sample.device)
    asked, most = components.speed.images_at_once, most_of(phase.batch)
    at_once = min(asked or fitting(sample, most), most)
    if at_once < phase.batch and sees_batch(components.student, sample):
        if asked and asked < phase.batch:
            text = f"speed.images_at_once is {asked}, and the student sees its batch as a whole (batch normalisation?)"
            raise RecipeError(Problem(text, phase.place, ("leave it out, or give it the size of the batch",)))
        at_once = phase.batch
    own = [one for one in components.student.parameters() if one.requires_grad]
    made = Stepper(phase, objective, targets, own, trained(components.student, objective), at_once)
    return with_programs(made, components, sample)


def with_programs(stepper: Stepper, components: Components, sample: Tensor) -> Stepper:
    """The same with the programs that the recipe asks for and those that suit a GPU, or with the reason why there are
    none; steps are then taken one operation after the other.

    Raises:
        RecipeError: one cannot be made, and the recipe wants it.
    """
    phase, asked, replay = stepper.phase, components.speed.compile, replays(components.speed, sample)
    programs: list[Program] = []
    without: list[str] = []
    for apart in (False, True):
        machine_code = asked != "off" and not apart
        if not (machine_code or (replay and (apart or not phase.aggregator))):
            continue
        try:
            programs.append(_program(stepper, components, sample, apart, machine_code))
        except NotCompiledError as fault:
            which = "steps of stage {!r} that measure each term" if apart else "stage {!r}"
            text = f"{which.format(phase.name)} cannot be {'compiled' if machine_code else 'replayed'}: {fault}"
            if machine_code and asked == "on":
                hint = '[speed] compile = "try" goes on without, and says so'
                raise RecipeError(Problem(text, phase.place, (hint,))) from fault
            without.append(text)
    return evolve(stepper, programs=tuple(programs), without=tuple(without))


def replays(speed: Speed, sample: Tensor) -> bool:
    """Whether steps on images like these are recorded and replayed."""
    return speed.replay and sample.device.type == "cuda"


def _program(stepper: Stepper, components: Components, sample: Tensor, apart: bool, machine_code: bool) -> Program:
    """A program for a stage's steps, or for those in which each term's gradient is computed ``apart``."""
    if [*components.student.buffers()]:
        raise NotCompiledError("the student has buffers, which training moves")
    if stepper.phase.aggregator and not apart:
        raise NotCompiledError("its aggregator asks for each term's gradient")
    low = sample.repeat(-(-stepper.at_once // len(sample)), 1, 1, 1)[: stepper.at_once].contiguous()
    kept = stepper.targets.of(low, [""] * len(low), keep=False)
    speed, dtype = components.speed, DTYPES.get(components.speed.autocast)
    coarsest = torch.finfo(dtype).eps if dtype else TF32 if speed.tf32 and low.is_cuda else 0.0
    return compiled(
        stepper.objective,
        stepper.phase.stage.inputs(low),
        kept,
        stepper.parameters,
        stepper.own if apart else (),
        steps=stepper.phase.clock.steps,
        # in fewer bits a program rounds less often than the step, so they agree to a few of the last ones
        close=max(CLOSE, 4 * coarsest),
        machine_code=machine_code,
        replay=replays(speed, sample),
    )


def fitting(sample: Tensor, batch: int) -> int:
    """How many images of that size, of a batch of so many, a device computes best at once."""
    return max(1, PIXELS // (sample.shape[2] * sample.shape[3])) if sample.device.type == "cpu" else batch


@torch.no_grad()
def sees_batch(student: Model, sample: Tensor) -> bool:
    """Whether a student in training gives an image another output alone than among others (batch normalisation?), or
    no output twice."""
    with undisturbed(student):
        student.train()
        together, alone = student(sample), [student(one) for one in sample.split(1)]
    return not all(
        torch.allclose(torch.cat([one[name] for one in alone]), value, rtol=ALONE, atol=ALONE)
        for name, value in together.items()
    )
