"""A stage's step in machine code: one program of what its objective computes, forwards and backwards.

The step is recorded as the tensor operations that it runs, below autograd and below whatever Python plugins are written
in, and PyTorch's compiler makes one program of them. Its result is held to that of the step itself before it is used.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from attrs import frozen
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from zerokd.errors import printable
from zerokd.objective.objective import Evaluation, Kept, Objective, vector
from zerokd.objective.trial import undisturbed

CLOSE = 1e-4  # how far the program's gradient may be from the step's own in float32, relative to its norm
# laying few channels together, as the compiler would, costs a narrow network tenfold
OPTIONS: dict[str, str | int | bool | Callable[..., object]] = {"layout_optimization": False}


class NotCompiledError(Exception):
    """Why a step has no program, in a few words."""


@frozen(eq=False)
class Program:
    """A step of ``count`` images in which the terms ``labels`` are computed."""

    count: int
    labels: tuple[str, ...]
    inputs: tuple[str, ...]
    strides: tuple[tuple[int, ...], ...]
    run: Callable[..., tuple[Tensor, Tensor, Tensor]]

    def fits(self, count: int, weights: Mapping[str, float]) -> bool:
        """Whether it is for such a step."""
        return count == self.count and tuple(weights) == self.labels

    @torch.no_grad()
    def __call__(
        self, inputs: Mapping[str, Tensor], weights: Mapping[str, float], kept: Kept
    ) -> tuple[Evaluation, Tensor]:
        """The step's evaluation, and its gradient at all that is trained, flat."""
        low = inputs["low"]
        given = [vector(weights.values(), low), *(inputs[name] for name in self.inputs), *_laid_out(kept)]
        fitted = [_strided(one, strides) for one, strides in zip(given, self.strides, strict=True)]
        total, values, gradient = self.run(*fitted)
        return Evaluation(total, dict(zip(self.labels, values.unbind(), strict=True)), dict(weights)), gradient


def compiled(
    objective: Objective,
    inputs: Mapping[str, Tensor],
    kept: Kept,
    trained: Sequence[nn.Parameter],
    steps: int,
    close: float = CLOSE,
) -> Program:
    """The program of a stage of so many steps, for the terms that most of them compute, made on such inputs; its
    gradient may differ from the step's own by ``close`` of its norm.

    Raises:
        NotCompiledError: it cannot be made, or does not do what the step does.
    """
    labels = usual(objective, steps)
    names, count = tuple(inputs), len(inputs["low"])

    def step(weights: Tensor, *given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        read = dict(zip(names, given, strict=False))
        values = objective.values(read, labels, _put_back(kept, given[len(names) :]))
        total = objective.total(values, weights)
        gradients = torch.autograd.grad(total, trained, allow_unused=True, materialize_grads=True)
        flat = torch.cat([one.reshape(-1) for one in gradients])
        return total.detach(), torch.stack([*values.values()]).detach(), flat

    peaks = objective.peaks()
    weights = vector((peaks.get(label, 0.0) for label in labels), inputs["low"])
    given = [weights, *inputs.values(), *_laid_out(kept)]
    try:
        with undisturbed(objective), _unheard("torch.utils.cpp_extension"):
            wanted = step(*given)
            graph = make_fx(step)(*given)
            set_apart(graph)
            program = torch.compile(graph, dynamic=False, fullgraph=True, options=OPTIONS)
            with torch.no_grad():
                found = program(*given)
    except Exception as fault:  # the compiler raises almost anything
        lines = [line for line in str(fault).splitlines() if line.strip()] or [""]
        raise NotCompiledError(f"{type(fault).__name__}: {printable(lines[0])[:200]}") from fault
    away = ((found[2] - wanted[2]).norm() / wanted[2].norm()).item()
    if not away <= close:
        raise NotCompiledError(f"the program's gradient differs from the step's own by {away:.1g} of its size")
    return Program(count, labels, names, tuple(one.stride() for one in given), program)


@torch.library.custom_op("zerokd::as_it_is", mutates_args=())
def as_it_is(tensor: Tensor) -> Tensor:
    """A copy, which the compiler cannot look into."""
    return tensor.clone()


@as_it_is.register_fake
def _(tensor: Tensor) -> Tensor:
    return torch.empty_like(tensor)


def set_apart(graph: GraphModule) -> None:
    """Have what is laid out anew computed before. In one loop with that, all of it would be computed again and in an
    order that suits neither: with VGG at 256 pixels, a step would take thrice what it takes without a program."""
    for target in (torch.ops.aten._to_copy.default, torch.ops.aten.clone.default):
        for node in graph.graph.find_nodes(op="call_function", target=target):
            if node.kwargs.get("memory_format") is torch.channels_last:
                with graph.graph.inserting_before(node):
                    node.args = (graph.graph.call_function(torch.ops.zerokd.as_it_is.default, node.args),)
    graph.recompile()


@contextmanager
def _unheard(name: str) -> Iterator[None]:
    """A library's warnings about devices that are not asked for are no news."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
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
