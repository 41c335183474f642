"""Known ways in which the terms of an objective go wrong together, each of them sound alone."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator
from itertools import combinations

import torch
from torch import Tensor

from zerokd.errors import Problem
from zerokd.objective.calls import ForwardPass
from zerokd.objective.graph import Graph
from zerokd.objective.models import STUDENT
from zerokd.objective.signal_calls import ViewCall
from zerokd.objective.stage_plan import ObjectivePlan
from zerokd.objective.term import BoundTerm, signal_names
from zerokd.proof.trial import ProbeBatch, loss_values

MINIMUM_TOLERANCE = 1e-12  # a term this far above its least value counts as being there


def weighted_terms(plan: ObjectivePlan) -> list[BoundTerm]:
    """The terms that train."""
    return [term for term in plan.terms if not term.monitor]


def find_similar_terms(plan: ObjectivePlan, graph: Graph) -> Iterator[tuple[BoundTerm, BoundTerm]]:
    """Pairs of weighted terms of one loss on the same tensors, after the same adapters."""
    for first, second in combinations(weighted_terms(plan), 2):
        if type(first.loss) is type(second.loss) and graph.bindings[first.label] == graph.bindings[second.label]:
            yield first, second


def find_duplicate_terms(plan: ObjectivePlan, graph: Graph) -> Iterator[Problem]:
    """One term under two names."""
    hint = "remove one and add up the weights, or set monitor = true"
    for first, second in find_similar_terms(plan, graph):
        if first.loss.config == second.loss.config:
            text = f"{second.label}: the same as {first.label}: {first.use} on the same signals with the same config"
            yield Problem(text, second.place, (hint,), code="same-term-twice")


@torch.no_grad()
def rewards_identity(plan: ObjectivePlan, batch: ProbeBatch) -> Iterator[Problem]:
    """An objective that a student which returns its input has already reached: its image is the input, a curve map
    0."""
    if batch.graph.models.trained != STUDENT or batch.graph.differentiated:
        return
    terms, unchanged = weighted_terms(plan), _identity_tensors(batch)
    read = {name.text for name in signal_names(terms) if name.owner == STUDENT and name.is_of_model}
    if not read <= unchanged.keys() or any(batch.tensors[name].shape != unchanged[name].shape for name in read):
        return
    labels = [term.label for term in terms]
    tensors = batch.graph.run_adapters({**batch.tensors, **unchanged}, labels)
    ports = {term: batch.port_tensors(term, tensors) for term in terms}
    for row in range(len(next(iter(batch.tensors.values())))):  # most objectives fail on the first image
        for term in terms:
            value = loss_values(term, {port: tensor[row : row + 1] for port, tensor in ports[term].items()})
            if not bool((value - term.loss.bounds[0] <= MINIMUM_TOLERANCE).all()):
                return
    text = f"stage {plan.name!r}: the objective is least when the student changes nothing"
    hint = f"every term is at its least value where the output is the input: {', '.join(labels)}"
    yield Problem(text, plan.place, (hint,), code="rewards-nothing")


def _identity_tensors(batch: ProbeBatch) -> dict[str, Tensor]:
    """What a student that returns its input changes: its outputs, as far as it declares them, and what views and frozen
    models compute from those."""
    known: dict[str, Tensor] = {}
    tensors = ChainMap(known, dict(batch.tensors))
    for call in batch.graph.calls:
        if isinstance(call, ForwardPass) and call.owner == STUDENT:
            if call.reads[0] not in tensors:
                return {}
            known[f"{call.key}.enhanced"] = tensors[call.reads[0]]
            for name, signal in call.describe({}).items():
                if signal.unchanged is not None and name in batch.tensors:
                    known[name] = torch.full_like(batch.tensors[name], signal.unchanged)
        elif isinstance(call, ForwardPass | ViewCall) and known.keys() & {*call.reads}:
            known.update(call.compute(tensors))
    return known
