"""Notes on an objective that may train: terms that dominate or vanish, config keys without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from zerokd.errors import ZerokdError
from zerokd.objective.calls import Tensors
from zerokd.objective.graph import Graph
from zerokd.objective.stage_plan import ObjectivePlan
from zerokd.objective.term import BoundTerm
from zerokd.plugin.contracts import Loss
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.proof.objective_traps import find_similar_terms, weighted_terms
from zerokd.proof.trial import evaluate_on_crop, loss_values, takes_gradients, value_and_gradient

REPEATED_IMAGES, REPEATED_SIDE = 2, 64  # on which a loss is computed twice: one image hides a random order of images
DOMINANT_SHARE, NEGLIGIBLE_SHARE = 0.95, 1e-4  # shares of the gradient at the parameters


def collect_notes(plan: ObjectivePlan, graph: Graph, tensors: Tensors, shares: Mapping[str, float]) -> Iterator[str]:
    """Notes on the terms; ``shares`` are their shares of the gradient, by label."""
    for label, share in shares.items():
        if len(shares) > 1 and share > DOMINANT_SHARE:
            yield f"{label} is {share:.1%} of the gradient at the start: it dominates alone"
        elif share < NEGLIGIBLE_SHARE:
            yield f"{label} is {share:.1g} of the gradient at the start: it has almost no effect"
    for first, second in find_similar_terms(plan, graph):
        yield f"{first.label} and {second.label} are one loss on the same signals; only their config differs"
    for term in weighted_terms(plan):
        ports = {port: tensors[name] for port, name in graph.bindings[term.label].items()}
        yield from _find_inert_keys(term, ports)
        if _is_random(term, ports):
            yield f"{term.label} returns another value on the same images: it is random, or has a state"


def _is_random(term: BoundTerm, ports: Tensors) -> bool:
    """Whether it returns two values for the same images, of which a part is enough if the loss takes it."""
    if takes_gradients(term.loss):  # parts of the ports have another autograd graph
        return _differs_when_repeated(term, ports)
    few = {port: tensor[:REPEATED_IMAGES] for port, tensor in ports.items()}
    return evaluate_on_crop(_differs_when_repeated, term, few, REPEATED_SIDE)


@torch.no_grad()
def _differs_when_repeated(term: BoundTerm, ports: Tensors) -> bool:
    return not torch.equal(loss_values(term, ports), loss_values(term, ports))


def _find_inert_keys(term: BoundTerm, ports: Tensors) -> Iterator[str]:
    """Numbers in a loss's config that change no bit of its value or gradient."""
    if term.loss.sources or takes_gradients(term.loss):  # it loads weights: not built twice; or needs a graph
        return
    keys = [key for key in term.explicit_keys if type(getattr(term.loss.config, key, None)) in (int, float)]
    if not keys:
        return
    value, gradient = value_and_gradient(term, ports)
    for key in keys:
        loss = _rebuild_with_other_value(term.loss, key)
        if loss is None or loss.min_size() > min(min(tensor.shape[2:], default=0) for tensor in ports.values()):
            continue
        try:
            changed = value_and_gradient(term.with_loss(loss.to(value.device)), ports)
        except ZerokdError:
            continue  # it reads what it refuses
        if torch.equal(value, changed[0]) and torch.equal(gradient, changed[1]):
            yield f"{term.label}: {key} = {getattr(term.loss.config, key)} changes nothing on these images"


def _rebuild_with_other_value(loss: Loss, key: str) -> Any:
    """This loss with another number: the default, or one near the present; None where no other is allowed."""
    present = getattr(loss.config, key)
    default = type(loss.config).model_fields[key].default
    for number in (default, present * 1.5, present * 0.5, present + 0.5, present + 1, present + 2):
        if type(number) not in (int, float):
            continue
        other = type(present)(number)
        if other != present:
            try:
                with attribute_errors(f"a loss with {key} = {other}"):
                    return type(loss)(**{**dict(loss.config), key: other})
            except ZerokdError:
                continue
    return None
