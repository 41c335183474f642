"""What is worth saying of a stage that is allowed: terms that decide everything or nothing, keys that do nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from zerokd.errors import ZerokdError
from zerokd.objective.graph import Graph, Tensors
from zerokd.objective.stage_plan import StagePlan
from zerokd.objective.term import BoundTerm
from zerokd.plugin.blame import attribute_errors
from zerokd.plugin.contracts import Loss
from zerokd.proof.objective_traps import find_similar_terms, weighted_terms
from zerokd.proof.trial import loss_values, value_and_gradient

DOMINANT_SHARE, NEGLIGIBLE_SHARE = 0.95, 1e-4  # shares of the gradient at the parameters


def collect_notes(stage: StagePlan, graph: Graph, tensors: Tensors, shares: Mapping[str, float]) -> Iterator[str]:
    """Everything noticed; ``shares`` are those of the terms in the gradient, by label."""
    for label, share in shares.items():
        if len(shares) > 1 and share > DOMINANT_SHARE:
            yield f"{label} is {share:.1%} of the gradient at the start: it decides alone"
        elif share < NEGLIGIBLE_SHARE:
            yield f"{label} is {share:.1g} of the gradient: at the start it changes next to nothing"
    for one, other in find_similar_terms(stage, graph):
        yield f"{one.label} and {other.label} are one loss on the same signals; only their config differs"
    for term in weighted_terms(stage):
        ports = {port: tensors[name] for port, name in graph.bindings[term.label].items()}
        yield from _find_inert_keys(term, ports)
        with torch.no_grad():
            first, again = loss_values(term, ports), loss_values(term, ports)
        if not torch.equal(first, again):
            yield f"{term.label} gives another value on the same images: it is random, or remembers what it saw"


def _find_inert_keys(term: BoundTerm, ports: Tensors) -> Iterator[str]:
    """Numbers that the recipe gives a loss and that change not one bit of its value or gradient."""
    if term.loss.sources:  # it loads weights: not made twice
        return
    keys = [key for key in term.explicit_keys if type(getattr(term.loss.config, key, None)) in (int, float)]
    if not keys:
        return
    value, slope = value_and_gradient(term, ports)
    for key in keys:
        other = _rebuild_with_other_value(term.loss, key)
        if other is None or other.min_size() > min(min(port.shape[2:], default=0) for port in ports.values()):
            continue
        try:
            changed = value_and_gradient(term.with_loss(other.to(value.device)), ports)
        except ZerokdError:
            continue  # what it refuses, it reads
        if torch.equal(value, changed[0]) and torch.equal(slope, changed[1]):
            yield f"{term.label}: {key} = {getattr(term.loss.config, key)} changes nothing on these images"


def _rebuild_with_other_value(loss: Loss, key: str) -> Any:
    """The same loss with another number: the default, or one near it; None where no other is allowed."""
    given = getattr(loss.config, key)
    near = (type(loss.config).model_fields[key].default, given * 1.5, given * 0.5, given + 0.5, given + 1, given + 2)
    for number in near:
        if type(number) not in (int, float):
            continue
        other = type(given)(number)
        if other != given:
            try:
                with attribute_errors(f"a loss with {key} = {other}"):
                    return type(loss)(**{**dict(loss.config), key: other})
            except ZerokdError:
                continue
    return None
