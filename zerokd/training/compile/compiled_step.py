"""A stage's step as one program: the objective and its gradient, without the Python that defines them.

The step is traced to PyTorch's tensor operations, below autograd and below whatever Python plugins use. TorchInductor
may compile them, and a GPU may record them as a CUDA graph. The program is verified against the eager step before use.
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

from zerokd.errors import escape_unprintable
from zerokd.objective.cached_tensors import CachedTensors
from zerokd.objective.gradients import flat_gradient
from zerokd.objective.objective import Objective
from zerokd.objective.result import ObjectiveResult, to_tensor_like
from zerokd.proof.trial import preserve_buffers_and_rng
from zerokd.training.batches import seed_global_generators
from zerokd.training.compile.cuda_graph import CudaGraphStep
from zerokd.training.compile.narrow_convolutions import DECOMPOSITIONS
from zerokd.training.device import WIDE_CHANNELS

aten = torch.ops.aten
GRADIENT_TOLERANCE = 1e-4  # difference from the eager gradient in float32, relative to its norm
StepFunction = Callable[..., Sequence[Tensor]]
StepResult = tuple[ObjectiveResult, Tensor, dict[str, Tensor]]
InductorOptions = dict[str, str | int | bool | Callable[..., object]]
# the compiler would lay out few channels as channels-last, which makes a narrow network ten times slower
# no kernel is chosen by timing, since a sum in another order has other bits
COMMON_OPTIONS: InductorOptions = {"layout_optimization": False, "deterministic": True}
GPU_OPTIONS: InductorOptions = {"triton.mix_order_reduction": False}  # it fails on such steps (PyTorch 2.11)


class NotCompiledError(Exception):
    """A step that cannot be compiled; the message is a short reason."""


@frozen(eq=False)
class CompiledStep:
    """The step of a micro batch of ``image_count`` images that computes the terms ``labels``.

    ``per_term`` are the labels whose gradients are returned separately: all weighted terms, or none.
    """

    image_count: int
    labels: tuple[str, ...]
    per_term: tuple[str, ...]
    input_names: tuple[str, ...]
    run: StepFunction
    uses_torch_compile: bool
    uses_cuda_graph: bool

    @property
    def mode(self) -> str:
        """How the step runs, for a person."""
        return ", ".join(["compiled"] * self.uses_torch_compile + ["replayed"] * self.uses_cuda_graph)

    def fits(self, image_count: int, weights: Mapping[str, float], per_term: bool) -> bool:
        """Whether this program computes such a step."""
        return image_count == self.image_count and tuple(weights) == self.labels and per_term == bool(self.per_term)

    @torch.no_grad()
    def __call__(self, inputs: Mapping[str, Tensor], weights: Mapping[str, float], cached: CachedTensors) -> StepResult:
        """The objective, its flat gradient at all trained parameters, and each term's at the student's, by label."""
        like = inputs["low"]
        images = (inputs[name] for name in self.input_names)
        total, values, gradient, *by_term = self.run(
            to_tensor_like(weights.values(), like), *images, *_flatten_cached(cached)
        )
        result = ObjectiveResult(total, dict(zip(self.labels, values.unbind(), strict=True)), dict(weights))
        return result, gradient, dict(zip(self.per_term, by_term, strict=True))


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
    """The program for the terms that most of a stage's ``steps`` compute, created for inputs of these shapes.

    With ``student_parameters``, it computes each term's gradient there too. ``tolerance`` bounds the difference of its
    gradient from the eager one, relative to the norm of that.

    Raises:
        NotCompiledError: it cannot be created, or computes something else than the eager step.
    """
    labels = select_usual_terms(objective, steps)
    names, count = tuple(inputs), len(inputs["low"])
    weighted = [(index, label) for index, label in enumerate(labels) if label not in objective.monitored_labels]
    per_term = weighted if student_parameters else []

    def eager_step(weights: Tensor, *tensors: Tensor) -> list[Tensor]:
        images = dict(zip(names, tensors, strict=False))
        values = objective.values(images, labels, _unflatten_cached(cached, tensors[len(names) :]))
        total = objective.total(values, weights)
        weighted_means = [weights[index] * values[label].mean() for index, label in per_term]
        by_term = [flat_gradient(mean, student_parameters, retain_graph=True) for mean in weighted_means]
        return [total.detach(), torch.stack([*values.values()]).detach(), flat_gradient(total, parameters), *by_term]

    peaks = dict.fromkeys(labels, 0.0) | objective.peak_weights()
    weights = to_tensor_like((peaks[label] for label in labels), inputs["low"])
    example_inputs = [weights, *inputs.values(), *_flatten_cached(cached)]
    try:
        with preserve_buffers_and_rng(objective), _silence_warnings("torch.utils.cpp_extension"):
            run = _create_step_function(eager_step, example_inputs, use_torch_compile, use_cuda_graph)
            gradients = []
            for function in (eager_step, run):
                # a random number that was drawn while tracing must not have become a constant of the program
                seed_global_generators(weights.device, "program")
                gradients.append(torch.cat([*function(*example_inputs)[2:]]))
    except Exception as error:  # the compiler raises almost anything
        raise NotCompiledError(_describe_compiler_error(error)) from error
    _require_same_gradient(gradients[0], gradients[1], tolerance)
    own_labels = tuple(label for _, label in per_term)
    return CompiledStep(count, labels, own_labels, names, run, use_torch_compile, use_cuda_graph)


def _describe_compiler_error(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()] or [""]
    return f"{type(error).__name__}: {escape_unprintable(lines[0])[:200]}"


def _require_same_gradient(eager: Tensor, compiled: Tensor, tolerance: float) -> None:
    difference = ((compiled - eager).norm() / eager.norm()).item()
    if not difference <= tolerance:
        raise NotCompiledError(f"its gradient differs from the eager one by {difference:.1g} of its norm")


def _create_step_function(
    step: StepFunction, example_inputs: Sequence[Tensor], use_torch_compile: bool, use_cuda_graph: bool
) -> StepFunction:
    """The program of a step, for inputs of these shapes."""
    from torch.fx.experimental.proxy_tensor import make_fx  # takes half a second, and few runs compile

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
    """``run`` for inputs of any memory layout: a program is compiled for that of its example inputs."""
    strides = [tensor.stride() for tensor in example_inputs]

    def run_restrided(*inputs: Tensor) -> Sequence[Tensor]:
        with torch.no_grad():
            return run(*map(_copy_to_strides, inputs, strides))

    return run_restrided


@torch.library.custom_op("zerokd::opaque_clone", mutates_args=())
def opaque_clone(tensor: Tensor) -> Tensor:
    """A copy that the compiler cannot fuse with its neighbours."""
    return tensor.clone()


@opaque_clone.register_fake
def _(tensor: Tensor) -> Tensor:
    return torch.empty_like(tensor)


def isolate_layout_nodes(graph: GraphModule) -> None:
    """Keep changes of memory layout out of fused loops, and give a library's narrow image gradient the contiguous
    layout that the network computes in.

    In one loop with either, all neighbours would be computed again in an order that suits no layout: with VGG at 256
    pixels, a compiled step would take three to ten times as long as the eager one.
    """
    nodes = graph.graph
    for target in (aten._to_copy.default, aten.clone.default):
        for node in nodes.find_nodes(op="call_function", target=target):
            if node.kwargs.get("memory_format") is torch.channels_last:
                with nodes.inserting_before(node):
                    node.args = (nodes.call_function(torch.ops.zerokd.opaque_clone.default, node.args),)
    for node in nodes.find_nodes(op="call_function", target=aten.convolution_backward.default):
        image_gradients = [user for user in node.users if user.args[1] == 0 and _is_narrow(user.meta.get("val"))]
        for gradient in image_gradients:
            with nodes.inserting_after(gradient):
                contiguous = nodes.call_function(
                    aten.clone.default, (gradient,), {"memory_format": torch.contiguous_format}
                )
            with nodes.inserting_after(contiguous):
                isolated = nodes.call_function(torch.ops.zerokd.opaque_clone.default, (contiguous,))
            gradient.replace_all_uses_with(isolated, lambda user, contiguous=contiguous: user is not contiguous)
    graph.recompile()


def _is_narrow(gradient: Tensor | None) -> bool:
    """None: the image needs no gradient."""
    return gradient is not None and gradient.shape[1] < WIDE_CHANNELS


@contextmanager
def _silence_warnings(logger_name: str) -> Iterator[None]:
    """Silence a library's warnings about devices that the run does not use, and the compiler's advice."""
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
    """The set of terms that is computed together at most of the steps."""
    masks = {label: objective.computed_mask(label, steps) for label in objective.weights}
    counts = Counter(zip(*(mask.tolist() for mask in masks.values()), strict=True))
    is_computed = counts.most_common(1)[0][0]
    return tuple(label for label, computed in zip(masks, is_computed, strict=True) if computed)


def _flatten_cached(cached: CachedTensors) -> list[Tensor]:
    """Cached tensors in the order of their names."""
    prepared = [part for label in sorted(cached.prepared_ports) for part in cached.prepared_ports[label]]
    return [
        *(cached.tensors[name] for name in sorted(cached.tensors)),
        *(tensor for part in prepared for tensor in part),
    ]


def _unflatten_cached(like: CachedTensors, tensors: Sequence[Tensor]) -> CachedTensors:
    """The inverse of :func:`_flatten_cached`, with the names of ``like``."""
    rest = iter(tensors)
    by_name = {name: next(rest) for name in sorted(like.tensors)}
    prepared = {
        label: tuple(tuple(next(rest) for _ in part) for part in like.prepared_ports[label])
        for label in sorted(like.prepared_ports)
    }
    return CachedTensors(by_name, prepared)


def _copy_to_strides(tensor: Tensor, strides: tuple[int, ...]) -> Tensor:
    if tensor.stride() == strides:
        return tensor
    return tensor.new_empty_strided(tensor.shape, strides).copy_(tensor)
