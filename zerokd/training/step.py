"""The gradient of one step: forward and backward, micro batch by micro batch.

Here are the choices that make a step fast: how many images are computed together, what a cache holds of them, and
which compiled step applies. The loop sees :meth:`GradientAccumulator.forward_backward` alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from attrs import evolve, frozen
from torch import Tensor, nn

from zerokd.errors import Problem, RecipeError
from zerokd.objective.gradients import term_gradients
from zerokd.objective.objective import Objective
from zerokd.objective.result import ObjectiveResult, merge_micro_batches
from zerokd.objective.stage_plan import StagePlan
from zerokd.plugin.batch import Batch
from zerokd.proof.trial import preserve_buffers_and_rng
from zerokd.recipe.build.components import Components
from zerokd.training.compile.compiled_step import CompiledStep
from zerokd.training.compile.stage_steps import compile_stage_steps
from zerokd.training.frozen_cache.cache import FrozenCache
from zerokd.training.process_group import max_images_per_process

MICRO_BATCH_PIXELS = 2**16  # on a CPU: more pixels leave its caches, fewer are not worth the calls
BATCH_TOLERANCE = 1e-4  # relative difference that an image's output may show between two batches


@frozen(eq=False)
class GradientAccumulator:
    """Computes the gradient of a batch in micro batches of ``micro_batch_size`` images.

    A term's value for an image depends on no other image, so the gradients of micro batches add up to that of the
    batch, and a step needs the memory of one micro batch. ``student_parameters`` are the student's trained parameters,
    ``parameters`` all trained ones. ``compile_failures`` says why a wanted compiled step is missing.
    """

    stage: StagePlan
    objective: Objective
    frozen_cache: FrozenCache
    student_parameters: list[nn.Parameter]
    parameters: list[nn.Parameter]
    micro_batch_size: int
    compiled_steps: tuple[CompiledStep, ...] = ()
    compile_failures: tuple[str, ...] = ()

    def forward_backward(self, batch: Batch, step: int, per_term: bool) -> tuple[ObjectiveResult, dict[str, Tensor]]:
        """Compute the objective of a batch and add its gradient to the stored gradients.

        Returns the result without its autograd graph and, if ``per_term``, each term's gradient at the student's
        parameters, shape (P,), by label.
        """
        results: list[ObjectiveResult] = []
        gradients: dict[str, Tensor] = {}
        count, weights = len(batch.names), self.objective.weights_at(step) if self.compiled_steps else {}
        for start in range(0, count, self.micro_batch_size):
            images = slice(start, start + self.micro_batch_size)
            part = batch.select(images)
            inputs, names = self.stage.plugin.inputs(part), part.names
            share = len(names) / count
            # the store knows an image by its name, so it is of no use if the stage changes the image
            is_unchanged = all(inputs[name] is part.tensors.get(name) for name in self.frozen_cache.plan.inputs)
            cached = self.frozen_cache.get_or_compute(inputs, names, use_store=is_unchanged)
            fitting = [program for program in self.compiled_steps if program.fits(len(names), weights, per_term)]
            if fitting:
                result, gradient, by_term = fitting[0](inputs, weights, cached)
                self._add_gradient(share * gradient)
            else:
                result = self.objective(inputs, step, cached)
                by_term = term_gradients(result.weights, result.values, self.student_parameters) if per_term else {}
                (result.total if share == 1 else share * result.total).backward()
            gradients |= {label: gradients.get(label, 0) + share * value for label, value in by_term.items()}
            results.append(result.detach())
        return merge_micro_batches(results), gradients

    def _add_gradient(self, gradient: Tensor) -> None:
        """Add a flat gradient of all ``parameters`` to the stored ones."""
        parts = gradient.split([parameter.numel() for parameter in self.parameters])
        stored = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        torch._foreach_add_(stored, [part.view_as(to) for to, part in zip(stored, parts, strict=True)])


def build_accumulator(
    stage: StagePlan, objective: Objective, components: Components, sample: Batch, image_count: int
) -> GradientAccumulator:
    """Choose how a stage computes its gradients. The images of ``sample`` have the size of its own, ``image_count`` is
    the number of training images.

    Raises:
        RecipeError: the recipe asks for micro batches that the student does not allow, or for a compiled step that
            cannot be created.
    """
    student = objective.models.trained_model.train()
    frozen_cache = FrozenCache(stage, objective, image_count, components.speed, sample.low.device)
    micro_batch_size = _choose_micro_batch_size(stage, components, sample.low)
    part = repeat_images(sample, micro_batch_size)
    student_parameters = [weight for weight in student.parameters() if weight.requires_grad]
    parameters = [*student_parameters, *objective.part_parameters()]
    compiled_steps, compile_failures = compile_stage_steps(
        stage, objective, components, frozen_cache, part, parameters, student_parameters
    )
    return GradientAccumulator(
        stage,
        objective,
        frozen_cache,
        student_parameters,
        parameters,
        micro_batch_size,
        compiled_steps,
        compile_failures,
    )


def repeat_images(batch: Batch, count: int) -> Batch:
    """A batch of ``count`` images, which repeats those of another."""
    times = -(-count // len(batch.names))
    tensors = {name: torch.cat([tensor] * times)[:count].contiguous() for name, tensor in batch.tensors.items()}
    return evolve(batch, tensors=tensors, names=(batch.names * times)[:count])


def _choose_micro_batch_size(stage: StagePlan, components: Components, sample: Tensor) -> int:
    requested, limit = components.speed.images_at_once, max_images_per_process(stage.batch_size)
    size = min(requested or default_micro_batch_size(sample, limit), limit)
    if size >= stage.batch_size or not depends_on_batch(components.student, sample):
        return size
    if requested and requested < stage.batch_size:
        text = f"speed.images_at_once is {requested}, but the student depends on its batch (batch normalisation?)"
        raise RecipeError(Problem(text, stage.place, ("remove it, or set it to the batch size",)))
    return stage.batch_size


def default_micro_batch_size(sample: Tensor, batch_size: int) -> int:
    """The number of images of that size, up to ``batch_size``, that a device computes fastest together."""
    pixels = sample.shape[2] * sample.shape[3]
    return max(1, MICRO_BATCH_PIXELS // pixels) if sample.device.type == "cpu" else batch_size


@torch.no_grad()
def depends_on_batch(student: nn.Module, sample: Tensor) -> bool:
    """Whether a student in training mode computes another output for an image alone than among others (batch
    normalisation), or never the same output twice (dropout)."""
    with preserve_buffers_and_rng(student):
        student.train()
        together: Mapping[str, Tensor] = student(sample)
        alone = [student(image) for image in sample.split(1)]
    return not all(
        torch.allclose(torch.cat([output[name] for output in alone]), value, rtol=BATCH_TOLERANCE, atol=BATCH_TOLERANCE)
        for name, value in together.items()
    )
