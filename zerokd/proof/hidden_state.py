"""State of a component that no checkpoint stores: tensors outside its parameters and buffers, optimizers, modules."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from zerokd.errors import Place, Problem
from zerokd.objective.stage_plan import ObjectivePlan, StagePlan

MODULE_ATTRIBUTES = frozenset(vars(nn.Module()))  # what torch itself stores in a module
MAX_DEPTH = 6  # of containers and objects inside an attribute
CONTAINERS = (list, tuple, set, frozenset, deque)
REMEDIES = {
    "an optimizer": "let zerokd train the component's parameters: register them, and call no step() in it",
    "a tensor": "self.register_buffer(NAME, tensor, persistent=False) makes it part of checkpoints and of to()",
    "a module": "assign it to self, or put modules into an nn.ModuleList or nn.ModuleDict",
}


def find_unstored_state(plan: ObjectivePlan) -> Iterator[Problem]:
    """State of losses, adapters and an aggregator that no checkpoint would store."""
    for term in plan.terms:
        yield from find_hidden_state(f"{term.label}: loss {term.use!r}", term.loss, term.place)
        for name, adapter in zip(term.adapter_names, term.adapters, strict=True):
            yield from find_hidden_state(f"{term.label}: adapter {name!r}", adapter, term.place)
    if isinstance(plan, StagePlan) and plan.aggregator is not None:
        yield from find_hidden_state(f"aggregator {plan.aggregator_name!r}", plan.aggregator, plan.place)


def find_hidden_state(owner: str, component: nn.Module, place: Place | None) -> Iterator[Problem]:
    """A problem for each kind of state of a component that a resumed run would lose."""
    kinds: set[str] = set()
    for path, kind in _walk_module(component):
        if kind not in kinds:
            kinds.add(kind)
            text = f"{owner} holds {kind} in {path} that is no part of its parameters and buffers"
            reason = "a checkpoint does not store it, so a resumed run would be another one"
            yield Problem(text, place, (reason, REMEDIES[kind]), code="hidden-state")


def _walk_module(component: nn.Module) -> Iterator[tuple[str, str]]:
    """The path and kind of every hidden state, in all submodules."""
    known = {id(item) for item in (*component.parameters(), *component.buffers(), *component.modules())}
    for name, module in component.named_modules():
        for attribute, value in vars(module).items():
            if attribute not in MODULE_ATTRIBUTES:
                yield from _walk(value, ".".join(filter(None, ("self", name, attribute))), known, MAX_DEPTH)


def _walk(value: Any, path: str, known: set[int], depth: int) -> Iterator[tuple[str, str]]:
    if id(value) in known or not depth:
        return
    if isinstance(value, Optimizer | Tensor | nn.Module):
        known.add(id(value))
        yield path, ("an optimizer", "a tensor", "a module")[_kind_index(value)]
        return
    for key, item in _inner_values(value):
        yield from _walk(item, f"{path}{key}", known, depth - 1)


def _kind_index(value: Any) -> int:
    return 0 if isinstance(value, Optimizer) else 1 if isinstance(value, Tensor) else 2


def _inner_values(value: Any) -> Iterator[tuple[str, Any]]:
    """What a container, an object or a closure holds, with its place in it."""
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, CONTAINERS):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, partial):
        yield from ((f".args[{index}]", item) for index, item in enumerate((*value.args, *value.keywords.values())))
    elif isinstance(value, FunctionType):
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        yield from ((f".<{name}>", cell.cell_contents) for name, cell in cells if _is_filled(cell))
    elif isinstance(value, MethodType):
        yield ".__self__", value.__self__
    elif not isinstance(value, type | ModuleType):
        attributes = getattr(value, "__dict__", None) or {}
        yield from ((f".{name}", item) for name, item in attributes.items())


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty cell raises
    except ValueError:
        return False
    return True
