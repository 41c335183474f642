"""One step's objective and its gradient, a few images at a time."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from attrs import evolve, frozen
from torch import Tensor, nn

from zerokd.errors import Problem, RecipeError
from zerokd.objective.gradients import term_gradients
from zerokd.objective.objective import Objective, ObjectiveResult, merge_micro_batches
from zerokd.objective.precision import AUTOCAST_DTYPES, TF32_EPS
from zerokd.objective.stage_plan import StagePlan
from zerokd.plugin.contracts import Model
from zerokd.proof.trial import preserve_buffers_and_rng
from zerokd.recipe.build.components import Components
from zerokd.recipe.schema.speed import SpeedConfig
from zerokd.training.batches import Batch
from zerokd.training.compile.compiled_step import GRADIENT_TOLERANCE, CompiledStep, NotCompiledError, compile_step
from zerokd.training.frozen_cache.cache import FrozenCache
from zerokd.training.process_group import max_images_per_process

MICRO_BATCH_PIXELS = 2**16  # computed at once on a CPU: more no longer fit its caches, fewer are not worth the calls
BATCH_TOLERANCE = 1e-4  # by how much an image's output may depend on its batch, relative


@frozen(eq=False)
class GradientAccumulator:
    """Computes a batch in parts of ``at_once`` images. Every value of an objective is one image's own, so the parts'
    gradients add up to that of the batch, and a step needs the memory of its largest part. Parts that one of the
    ``programs`` fits are computed by it; ``without`` says why one that was wanted is not there."""

    stage: StagePlan
    objective: Objective
    frozen_cache: FrozenCache
    student_parameters: list[nn.Parameter]
    parameters: list[nn.Parameter]
    micro_batch_size: int
    compiled_steps: tuple[CompiledStep, ...] = ()
    compile_failures: tuple[str, ...] = ()

    def backward(self, batch: Batch, step: int, per_term: bool) -> tuple[ObjectiveResult, dict[str, Tensor]]:
        """Add a batch's gradient to what is stored. Returns its evaluation without graph, and where ``apart`` is asked
        for the gradient of each term."""
        parts: list[ObjectiveResult] = []
        gradients: dict[str, Tensor] = {}
        count, weights = len(batch.names), self.objective.weights_at(step) if self.compiled_steps else {}
        for start in range(0, count, self.micro_batch_size):
            low, names = (
                batch.low[start : start + self.micro_batch_size],
                batch.names[start : start + self.micro_batch_size],
            )
            inputs, share = self.stage.plugin.inputs(low), len(names) / count
            kept = self.frozen_cache.get_or_compute(
                inputs["low"], names, use_store=inputs["low"] is low
            )  # a stage may change it
            program = next((one for one in self.compiled_steps if one.fits(len(names), weights, per_term)), None)
            if program:
                evaluation, gradient, each = program(inputs, weights, kept)
                gradients = _add_scaled(gradients, each, share)
                self._add_gradient(share * gradient)
                parts.append(evaluation)
                continue
            evaluation = self.objective(inputs, step, kept)
            if per_term:
                one = term_gradients(evaluation.weights, evaluation.values, self.student_parameters)
                gradients = _add_scaled(gradients, one, share)
            (evaluation.total if share == 1 else share * evaluation.total).backward()
            parts.append(evaluation.detached())
        return merge_micro_batches(parts), gradients

    def _add_gradient(self, gradient: Tensor) -> None:
        """Add a gradient at all that is trained to the stored ones."""
        pieces = gradient.split([parameter.numel() for parameter in self.parameters])
        stored = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        torch._foreach_add_(stored, [piece.view_as(one) for one, piece in zip(stored, pieces, strict=True)])


def collect_trained_parameters(student: Model, objective: Objective) -> list[nn.Parameter]:
    """All that a stage trains."""
    return [one for one in (*student.parameters(), *objective.parameters()) if one.requires_grad]


def _add_scaled(sums: Mapping[str, Tensor], gradients: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    return {label: sums.get(label, 0) + scale * one for label, one in gradients.items()}


def build_accumulator(
    stage: StagePlan, objective: Objective, components: Components, sample: Tensor, image_count: int
) -> GradientAccumulator:
    """How a stage of that many images steps, decided on a batch like its own (N, 3, H, W).

    Raises:
        RecipeError: the recipe asks for what the student does not allow, or for a program that cannot be made.
    """
    targets = FrozenCache(stage, objective, image_count, components.speed, sample.device)
    asked, most = components.speed.images_at_once, max_images_per_process(stage.batch_size)
    at_once = min(asked or default_micro_batch_size(sample, most), most)
    if at_once < stage.batch_size and depends_on_batch(components.student, sample):
        if asked and asked < stage.batch_size:
            text = f"speed.images_at_once is {asked}, and the student sees its batch as a whole (batch normalisation?)"
            raise RecipeError(Problem(text, stage.place, ("leave it out, or give it the size of the batch",)))
        at_once = stage.batch_size
    own = [parameter for parameter in components.student.parameters() if parameter.requires_grad]
    made = GradientAccumulator(
        stage, objective, targets, own, collect_trained_parameters(components.student, objective), at_once
    )
    return attach_compiled_steps(made, components, sample)


def attach_compiled_steps(
    accumulator: GradientAccumulator, components: Components, sample: Tensor
) -> GradientAccumulator:
    """The same with the programs that the recipe asks for and those that suit a GPU, or with the reason why there are
    none; steps are then taken one operation after the other.

    Raises:
        RecipeError: one cannot be made, and the recipe wants it.
    """
    stage, asked, replay = accumulator.stage, components.speed.compile, uses_cuda_graph(components.speed, sample)
    programs: list[CompiledStep] = []
    without: list[str] = []
    for apart in (False, True):
        machine_code = asked != "off" and not apart
        if not (machine_code or (replay and (apart or not stage.aggregator))):
            continue
        try:
            programs.append(_compile_step(accumulator, components, sample, apart, machine_code))
        except NotCompiledError as error:
            which = "steps of stage {!r} that measure each term" if apart else "stage {!r}"
            text = f"{which.format(stage.name)} cannot be {'compiled' if machine_code else 'replayed'}: {error}"
            if machine_code and asked == "on":
                hint = '[speed] compile = "try" goes on without, and says so'
                raise RecipeError(Problem(text, stage.place, (hint,))) from error
            without.append(text)
    return evolve(accumulator, compiled_steps=tuple(programs), compile_failures=tuple(without))


def uses_cuda_graph(speed: SpeedConfig, sample: Tensor) -> bool:
    """Whether steps on images like these are recorded and replayed."""
    return speed.replay and sample.device.type == "cuda"


def _compile_step(
    accumulator: GradientAccumulator, components: Components, sample: Tensor, per_term: bool, use_torch_compile: bool
) -> CompiledStep:
    """A program for a stage's steps, or for those in which each term's gradient is computed ``apart``."""
    if [*components.student.buffers()]:
        raise NotCompiledError("the student has buffers, which training moves")
    if accumulator.stage.aggregator and not per_term:
        raise NotCompiledError("its aggregator asks for each term's gradient")
    low = sample.repeat(-(-accumulator.micro_batch_size // len(sample)), 1, 1, 1)[
        : accumulator.micro_batch_size
    ].contiguous()
    kept = accumulator.frozen_cache.get_or_compute(low, [""] * len(low), use_store=False)
    speed, dtype = components.speed, AUTOCAST_DTYPES.get(components.speed.autocast)
    coarsest = torch.finfo(dtype).eps if dtype else TF32_EPS if speed.tf32 and low.is_cuda else 0.0
    return compile_step(
        accumulator.objective,
        accumulator.stage.plugin.inputs(low),
        kept,
        accumulator.parameters,
        accumulator.student_parameters if per_term else (),
        steps=accumulator.stage.clock.steps,
        # in fewer bits a program rounds less often than the step, so they agree to a few of the last ones
        tolerance=max(GRADIENT_TOLERANCE, 4 * coarsest),
        use_torch_compile=use_torch_compile,
        use_cuda_graph=uses_cuda_graph(speed, sample),
    )


def default_micro_batch_size(sample: Tensor, batch_size: int) -> int:
    """How many images of that size, of a batch of so many, a device computes best at once."""
    return (
        max(1, MICRO_BATCH_PIXELS // (sample.shape[2] * sample.shape[3])) if sample.device.type == "cpu" else batch_size
    )


@torch.no_grad()
def depends_on_batch(student: Model, sample: Tensor) -> bool:
    """Whether a student in training gives an image another output alone than among others (batch normalisation?), or
    no output twice."""
    with preserve_buffers_and_rng(student):
        student.train()
        together, alone = student(sample), [student(one) for one in sample.split(1)]
    return not all(
        torch.allclose(torch.cat([one[name] for one in alone]), value, rtol=BATCH_TOLERANCE, atol=BATCH_TOLERANCE)
        for name, value in together.items()
    )
