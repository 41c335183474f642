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

from zerokd.errors import printable
from zerokd.objective.gradients import gradient
from zerokd.objective.objective import Evaluation, Kept, Objective, vector
from zerokd.proof.trial import undisturbed
from zerokd.training.batches import seed_draws
from zerokd.training.compile.cuda_graph import Replayed
from zerokd.training.compile.narrow_convolutions import TABLE
from zerokd.training.device import WIDE

aten = torch.ops.aten
CLOSE = 1e-4  # how far the program's gradient may be from the step's own in float32, relative to its norm
Run = Callable[..., Sequence[Tensor]]
Outcome = tuple[Evaluation, Tensor, dict[str, Tensor]]
Options = dict[str, str | int | bool | Callable[..., object]]
# laying few channels together, as the compiler would, costs a narrow network tenfold
EVERYWHERE: Options = {"layout_optimization": False}
# no kernel is chosen by a clock, since a sum in another order has other bits; and one of the compiler's ways to join
# sums over different axes ends in an error for steps like these (PyTorch 2.11)
ON_GPU: Options = {"deterministic": True, "triton.mix_order_reduction": False}


class NotCompiledError(Exception):
    """Why a step has no program, in a few words."""


@frozen(eq=False)
class Program:
    """A step of ``count`` images in which the terms ``labels`` are computed; ``how`` it is run, in a word or two. The
    gradients of the terms ``apart``, all that are weighed or none, are computed one by one too."""

    count: int
    labels: tuple[str, ...]
    apart: tuple[str, ...]
    inputs: tuple[str, ...]
    run: Run
    how: str

    def fits(self, count: int, weights: Mapping[str, float], apart: bool) -> bool:
        """Whether it is for such a step."""
        return count == self.count and tuple(weights) == self.labels and apart == bool(self.apart)

    @torch.no_grad()
    def __call__(self, inputs: Mapping[str, Tensor], weights: Mapping[str, float], kept: Kept) -> Outcome:
        """The step's evaluation, its gradient at all that is trained, flat, and that of each term at the student."""
        low = inputs["low"]
        given = [vector(weights.values(), low), *(inputs[name] for name in self.inputs), *_laid_out(kept)]
        total, values, flat, *each = self.run(*given)
        evaluation = Evaluation(total, dict(zip(self.labels, values.unbind(), strict=True)), dict(weights))
        return evaluation, flat, dict(zip(self.apart, each, strict=True))


def compiled(
    objective: Objective,
    inputs: Mapping[str, Tensor],
    kept: Kept,
    trained: Sequence[nn.Parameter],
    own: Sequence[nn.Parameter] = (),
    *,
    steps: int,
    close: float = CLOSE,
    machine_code: bool = True,
    replay: bool = False,
) -> Program:
    """The program of a stage of so many steps, for the terms that most of them compute, made on such inputs; its
    gradient may differ from the step's own by ``close`` of its norm. Where the student's ``own`` parameters are given,
    it computes the gradient of each term there too. A CUDA device can ``replay`` it as a whole.

    Raises:
        NotCompiledError: it cannot be made, or does not do what the step does.
    """
    labels = usual(objective, steps)
    names, count = tuple(inputs), len(inputs["low"])
    apart = [(place, label) for place, label in enumerate(labels) if own and label not in objective.monitored]

    def step(weights: Tensor, *given: Tensor) -> list[Tensor]:
        read = dict(zip(names, given, strict=False))
        values = objective.values(read, labels, _put_back(kept, given[len(names) :]))
        total = objective.total(values, weights)
        each = [gradient(weights[place] * values[label].mean(), own, keep=True) for place, label in apart]
        return [total.detach(), torch.stack([*values.values()]).detach(), gradient(total, trained), *each]

    peaks = objective.peaks()
    weights = vector((peaks.get(label, 0.0) for label in labels), inputs["low"])
    given, device = [weights, *inputs.values(), *_laid_out(kept)], weights.device
    try:
        with undisturbed(objective), _unheard("torch.utils.cpp_extension"):
            run = _made(step, given, machine_code, replay)
            found = []
            for one in (step, run):
                seed_draws(device, "program")  # what a term draws while it is recorded must not be all it ever draws
                found.append(torch.cat([*one(*given)[2:]]))
    except Exception as fault:  # the compiler raises almost anything
        lines = [line for line in str(fault).splitlines() if line.strip()] or [""]
        raise NotCompiledError(f"{type(fault).__name__}: {printable(lines[0])[:200]}") from fault
    away = ((found[1] - found[0]).norm() / found[0].norm()).item()
    if not away <= close:
        raise NotCompiledError(f"the program's gradient differs from the step's own by {away:.1g} of its size")
    how = ["compiled"] * machine_code + ["replayed"] * replay
    return Program(count, labels, tuple(label for _, label in apart), names, run, ", ".join(how))


def _made(step: Run, given: Sequence[Tensor], machine_code: bool, replay: bool) -> Run:
    """What runs instead of a step on inputs like these."""
    on_gpu = given[0].device.type == "cuda"
    graph = make_fx(step, decomposition_table=TABLE)(*given)
    run: Run = graph
    if machine_code:
        if not on_gpu:
            set_apart(graph)
        options = EVERYWHERE | ON_GPU if on_gpu else EVERYWHERE
        run = _fitted(torch.compile(graph, dynamic=False, fullgraph=True, options=options), given)
    with torch.no_grad():
        return Replayed(run, given, [*graph.parameters(), *graph.buffers()]) if replay else run


def _fitted(run: Run, given: Sequence[Tensor]) -> Run:
    """The same for tensors that lie in memory otherwise than those that it was made for."""
    strides = [one.stride() for one in given]

    def fitted(*others: Tensor) -> Sequence[Tensor]:
        with torch.no_grad():
            return run(*map(_strided, others, strides))

    return fitted


@torch.library.custom_op("zerokd::as_it_is", mutates_args=())
def as_it_is(tensor: Tensor) -> Tensor:
    """A copy, which the compiler cannot look into."""
    return tensor.clone()


@as_it_is.register_fake
def _(tensor: Tensor) -> Tensor:
    return torch.empty_like(tensor)


def set_apart(graph: GraphModule) -> None:
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
    return gradient is not None and gradient.shape[1] < WIDE


@contextmanager
def _unheard(name: str) -> Iterator[None]:
    """A library's warnings about devices that are not asked for are no news, nor is the compiler's advice."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"torch\._inductor")
            yield
    finally:
        logger.setLevel(level)


def usual(objective: Objective, steps: int) -> tuple[str, ...]:
    """The terms that are computed at most steps alike."""
    masks = {label: objective.computed(label, steps) for label in objective.weights}
    sets = Counter(zip(*(mask.tolist() for mask in masks.values()), strict=True))
    chosen = sets.most_common(1)[0][0]
    return tuple(label for label, on in zip(masks, chosen, strict=True) if on)


def _laid_out(kept: Kept) -> list[Tensor]:
    """Its tensors in an order that its names alone decide."""
    named = [kept.tensors[name] for name in sorted(kept.tensors)]
    return [*named, *(one for label in sorted(kept.prepared) for part in kept.prepared[label] for one in part)]


def _put_back(like: Kept, tensors: Sequence[Tensor]) -> Kept:
    rest = iter(tensors)
    named = {name: next(rest) for name in sorted(like.tensors)}
    prepared = {
        label: tuple(tuple(next(rest) for _ in part) for part in like.prepared[label])
        for label in sorted(like.prepared)
    }
    return Kept(named, prepared)


def _strided(tensor: Tensor, strides: tuple[int, ...]) -> Tensor:
    """The same in the memory layout that a program was made for."""
    if tensor.stride() == strides:
        return tensor
    return tensor.new_empty_strided(tensor.shape, strides).copy_(tensor)
