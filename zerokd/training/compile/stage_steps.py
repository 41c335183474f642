"""The compiled steps of a stage: which ones the recipe and the device ask for, and why one is missing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zerokd.errors import Problem, RecipeError
from zerokd.objective.autocast import AUTOCAST_DTYPES, TF32_EPS
from zerokd.objective.objective import Objective
from zerokd.objective.stage_plan import StagePlan
from zerokd.plugin.batch import Batch
from zerokd.recipe.build.components import Components
from zerokd.recipe.schema.speed import SpeedConfig
from zerokd.training.compile.compiled_step import GRADIENT_TOLERANCE, CompiledStep, NotCompiledError, compile_step
from zerokd.training.frozen_cache.cache import FrozenCache


def compile_stage_steps(
    stage: StagePlan,
    objective: Objective,
    components: Components,
    frozen_cache: FrozenCache,
    sample: Batch,
    parameters: Sequence[nn.Parameter],
    student_parameters: Sequence[nn.Parameter],
) -> tuple[tuple[CompiledStep, ...], tuple[str, ...]]:
    """Compiled steps for micro batches like ``sample``, and a message for each one that cannot be created.

    On a GPU, steps that measure each term's gradient get a compiled step of their own.

    Raises:
        RecipeError: one cannot be created, and the recipe demands it.
    """
    request, use_cuda_graph = components.speed.compile, uses_cuda_graph(components.speed, sample.low)
    inputs = stage.plugin.inputs(sample)
    compiled_steps: list[CompiledStep] = []
    failures: list[str] = []
    for per_term in (False, True):
        use_torch_compile = request != "off" and not per_term
        if not (use_torch_compile or (use_cuda_graph and (per_term or not stage.aggregator))):
            continue
        try:
            _check_compilable(stage, objective, components, per_term)
            compiled_steps.append(
                compile_step(
                    objective,
                    inputs,
                    frozen_cache.get_or_compute(inputs, sample.names, use_store=False),
                    parameters,
                    student_parameters if per_term else (),
                    steps=stage.clock.steps,
                    tolerance=_gradient_tolerance(components.speed, sample.low.device),
                    use_torch_compile=use_torch_compile,
                    use_cuda_graph=use_cuda_graph,
                )
            )
        except NotCompiledError as error:
            steps = f"steps of stage {stage.name!r} that measure each term" if per_term else f"stage {stage.name!r}"
            text = f"{steps} cannot be {'compiled' if use_torch_compile else 'recorded as a CUDA graph'}: {error}"
            if use_torch_compile and request == "on":
                hint = '[speed] compile = "try" reports this and trains without'
                raise RecipeError(Problem(text, stage.place, (hint,))) from error
            failures.append(text)
    return tuple(compiled_steps), tuple(failures)


def uses_cuda_graph(speed: SpeedConfig, images: Tensor) -> bool:
    """Whether steps on images like these are recorded as CUDA graphs."""
    return speed.replay and images.device.type == "cuda"


def _check_compilable(stage: StagePlan, objective: Objective, components: Components, per_term: bool) -> None:
    if objective.models.opponents:
        raise NotCompiledError("it has two players, and each changes while the other trains")
    if objective.graph.differentiated:
        raise NotCompiledError("a term takes the gradient of a signal")
    if any(True for _ in components.student.buffers()):
        raise NotCompiledError("the student has buffers, which training changes")
    if stage.aggregator and not per_term:
        raise NotCompiledError("its aggregator reads each term's gradient")


def _gradient_tolerance(speed: SpeedConfig, device: torch.device) -> float:
    """In a reduced precision, a compiled step rounds less often than the eager one; they agree to a few last bits."""
    dtype = AUTOCAST_DTYPES.get(speed.autocast)
    eps = torch.finfo(dtype).eps if dtype else TF32_EPS if speed.tf32 and device.type == "cuda" else 0.0
    return max(GRADIENT_TOLERANCE, 4 * eps)
