"""A stage's step as a program: what its objective computes, forwards and backwards, without the Python that says so.

The step is recorded as the tensor operations that it runs, below autograd and below whatever Python plugins are written
in. PyTorch's compiler makes machine code of them where that is asked for, and a GPU launches them as a whole. What
comes out is held to the step itself before it is used.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from attrs import frozen
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from zerokd.errors import escape_unprintable
from zerokd.objective.gradients import flat_gradient
from zerokd.objective.objective import CachedTensors, Objective, ObjectiveResult, to_tensor_like
from zerokd.proof.trial import preserve_buffers_and_rng
from zerokd.training.batches import seed_global_generators
from zerokd.training.compile.cuda_graph import CudaGraphStep
from zerokd.training.compile.narrow_convolutions import DECOMPOSITIONS
from zerokd.training.device import WIDE_CHANNELS

aten = torch.ops.aten
GRADIENT_TOLERANCE = 1e-4  # how far the program's gradient may be from the step's own in float32, relative to its norm
StepFunction = Callable[..., Sequence[Tensor]]
StepResult = tuple[ObjectiveResult, Tensor, dict[str, Tensor]]
InductorOptions = dict[str, str | int | bool | Callable[..., object]]
# laying few channels together, as the compiler would, costs a narrow network tenfold
COMMON_OPTIONS: InductorOptions = {"layout_optimization": False}
# no kernel is chosen by a clock, since a sum in another order has other bits; and one of the compiler's ways to join
# sums over different axes ends in an error for steps like these (PyTorch 2.11)
GPU_OPTIONS: InductorOptions = {"deterministic": True, "triton.mix_order_reduction": False}


class NotCompiledError(Exception):
    """Why a step has no program, in a few words."""


@frozen(eq=False)
class CompiledStep:
    """A step of ``count`` images in which the terms ``labels`` are computed; ``how`` it is run, in a word or two. The
    gradients of the terms ``apart``, all that are weighed or none, are computed one by one too."""

    image_count: int
    labels: tuple[str, ...]
    per_term: tuple[str, ...]
    input_names: tuple[str, ...]
    run: StepFunction
    mode: str

    def fits(self, image_count: int, weights: Mapping[str, float], per_term: bool) -> bool:
        """Whether it is for such a step."""
        return image_count == self.image_count and tuple(weights) == self.labels and per_term == bool(self.per_term)

    @torch.no_grad()
    def __call__(self, inputs: Mapping[str, Tensor], weights: Mapping[str, float], cached: CachedTensors) -> StepResult:
        """The step's evaluation, its gradient at all that is trained, flat, and that of each term at the student."""
        low = inputs["low"]
        given = [
            to_tensor_like(weights.values(), low),
            *(inputs[name] for name in self.input_names),
            *_flatten_cached(cached),
        ]
        total, values, flat, *each = self.run(*given)
        evaluation = ObjectiveResult(total, dict(zip(self.labels, values.unbind(), strict=True)), dict(weights))
        return evaluation, flat, dict(zip(self.per_term, each, strict=True))


def compile_step(
    objective: Objective,
    inputs: Mapping[str, Tensor],
    cached: CachedTensors,
    parameters: Sequence[nn.Parameter],
    student_parameters: Sequence[nn.Parameter] = (),
    *,
    steps: int,
    tolerance: float = GRADIENT_TOLERANCE,
    use_torch_compile: bool = True,
    use_cuda_graph: bool = False,
) -> CompiledStep:
    """The program of a stage of so many steps, for the terms that most of them compute, made on such inputs; its
    gradient may differ from the step's own by ``close`` of its norm. Where the student's ``own`` parameters are given,
    it computes the gradient of each term there too. A CUDA device can ``replay`` it as a whole.

    Raises:
        NotCompiledError: it cannot be made, or does not do what the step does.
    """
    labels = select_usual_terms(objective, steps)
    names, count = tuple(inputs), len(inputs["low"])
    apart = [
        (place, label)
        for place, label in enumerate(labels)
        if student_parameters and label not in objective.monitored_labels
    ]

    def step(weights: Tensor, *given: Tensor) -> list[Tensor]:
        read = dict(zip(names, given, strict=False))
        values = objective.values(read, labels, _unflatten_cached(cached, given[len(names) :]))
        total = objective.total(values, weights)
        each = [
            flat_gradient(weights[place] * values[label].mean(), student_parameters, retain_graph=True)
            for place, label in apart
        ]
        return [total.detach(), torch.stack([*values.values()]).detach(), flat_gradient(total, parameters), *each]

    peaks = objective.peak_weights()
    weights = to_tensor_like((peaks.get(label, 0.0) for label in labels), inputs["low"])
    given, device = [weights, *inputs.values(), *_flatten_cached(cached)], weights.device
    try:
        with preserve_buffers_and_rng(objective), _silence_warnings("torch.utils.cpp_extension"):
            run = _create_step_function(step, given, use_torch_compile, use_cuda_graph)
            found = []
            for one in (step, run):
                seed_global_generators(
                    device, "program"
                )  # what a term draws while it is recorded must not be all it ever draws
                found.append(torch.cat([*one(*given)[2:]]))
    except Exception as error:  # the compiler raises almost anything
        lines = [line for line in str(error).splitlines() if line.strip()] or [""]
        raise NotCompiledError(f"{type(error).__name__}: {escape_unprintable(lines[0])[:200]}") from error
    away = ((found[1] - found[0]).norm() / found[0].norm()).item()
    if not away <= tolerance:
        raise NotCompiledError(f"the program's gradient differs from the step's own by {away:.1g} of its size")
    how = ["compiled"] * use_torch_compile + ["replayed"] * use_cuda_graph
    return CompiledStep(count, labels, tuple(label for _, label in apart), names, run, ", ".join(how))


def _create_step_function(
    step: StepFunction, example_inputs: Sequence[Tensor], use_torch_compile: bool, use_cuda_graph: bool
) -> StepFunction:
    """What runs instead of a step on inputs like these."""
    on_gpu = example_inputs[0].device.type == "cuda"
    graph = make_fx(step, decomposition_table=DECOMPOSITIONS)(*example_inputs)
    run: StepFunction = graph
    if use_torch_compile:
        if not on_gpu:
            isolate_layout_nodes(graph)
        options = COMMON_OPTIONS | GPU_OPTIONS if on_gpu else COMMON_OPTIONS
        run = _restride_inputs(torch.compile(graph, dynamic=False, fullgraph=True, options=options), example_inputs)
    with torch.no_grad():
        return CudaGraphStep(run, example_inputs, [*graph.parameters(), *graph.buffers()]) if use_cuda_graph else run


def _restride_inputs(run: StepFunction, example_inputs: Sequence[Tensor]) -> StepFunction:
    """The same for tensors that lie in memory otherwise than those that it was made for."""
    strides = [one.stride() for one in example_inputs]

    def fitted(*others: Tensor) -> Sequence[Tensor]:
        with torch.no_grad():
            return run(*map(_copy_to_strides, others, strides))

    return fitted


@torch.library.custom_op("zerokd::as_it_is", mutates_args=())
def opaque_clone(tensor: Tensor) -> Tensor:
    """A copy, which the compiler cannot look into."""
    return tensor.clone()


@opaque_clone.register_fake
def _(tensor: Tensor) -> Tensor:
    return torch.empty_like(tensor)


def isolate_layout_nodes(graph: GraphModule) -> None:
    """Have what is laid out anew computed before, and a narrow gradient that a library lays out with its channels
    together laid out as the network's own. In one loop with either, all of it would be computed again and in an order
    that suits neither: with VGG at 256 pixels, a step would take three to ten times what it takes without a program."""
    nodes = graph.graph
    for target in (aten._to_copy.default, aten.clone.default):
        for node in nodes.find_nodes(op="call_function", target=target):
            if node.kwargs.get("memory_format") is torch.channels_last:
                with nodes.inserting_before(node):
                    node.args = (nodes.call_function(torch.ops.zerokd.as_it_is.default, node.args),)
    for node in nodes.find_nodes(op="call_function", target=aten.convolution_backward.default):
        for slope in [one for one in node.users if one.args[1] == 0 and _is_narrow(one.meta.get("val"))]:
            with nodes.inserting_after(slope):
                anew = nodes.call_function(aten.clone.default, (slope,), {"memory_format": torch.contiguous_format})
            with nodes.inserting_after(anew):
                apart = nodes.call_function(torch.ops.zerokd.as_it_is.default, (anew,))
            slope.replace_all_uses_with(apart, lambda user, anew=anew: user is not anew)
    graph.recompile()


def _is_narrow(gradient: Tensor | None) -> bool:
    """None is that of an image which needs none."""
    return gradient is not None and gradient.shape[1] < WIDE_CHANNELS


@contextmanager
def _silence_warnings(logger_name: str) -> Iterator[None]:
    """A library's warnings about devices that are not asked for are no news, nor is the compiler's advice."""
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"torch\._inductor")
            yield
    finally:
        logger.setLevel(level)


def select_usual_terms(objective: Objective, steps: int) -> tuple[str, ...]:
    """The terms that are computed at most steps alike."""
    masks = {label: objective.computed_mask(label, steps) for label in objective.weights}
    sets = Counter(zip(*(mask.tolist() for mask in masks.values()), strict=True))
    chosen = sets.most_common(1)[0][0]
    return tuple(label for label, on in zip(masks, chosen, strict=True) if on)


def _flatten_cached(cached: CachedTensors) -> list[Tensor]:
    """Its tensors in an order that its names alone decide."""
    named = [cached.tensors[name] for name in sorted(cached.tensors)]
    return [
        *named,
        *(one for label in sorted(cached.prepared_ports) for part in cached.prepared_ports[label] for one in part),
    ]


def _unflatten_cached(like: CachedTensors, tensors: Sequence[Tensor]) -> CachedTensors:
    rest = iter(tensors)
    named = {name: next(rest) for name in sorted(like.tensors)}
    prepared = {
        label: tuple(tuple(next(rest) for _ in part) for part in like.prepared_ports[label])
        for label in sorted(like.prepared_ports)
    }
    return CachedTensors(named, prepared)


def _copy_to_strides(tensor: Tensor, strides: tuple[int, ...]) -> Tensor:
    """The same in the memory layout that a program was made for."""
    if tensor.stride() == strides:
        return tensor
    return tensor.new_empty_strided(tensor.shape, strides).copy_(tensor)
