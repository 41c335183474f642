"""Known ways in which the terms of a stage go wrong together, each of them sound alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import torch
from torch import Tensor

from zerokd.errors import Problem
from zerokd.objective.graph import Graph
from zerokd.objective.models import STUDENT
from zerokd.objective.stage_plan import StagePlan
from zerokd.objective.term import BoundTerm
from zerokd.proof.trial import ProbeBatch, loss_values

MINIMUM_TOLERANCE = 1e-12  # above its least value, where a term is still at its least


def weighted_terms(stage: StagePlan) -> list[BoundTerm]:
    """The terms that train."""
    return [term for term in stage.terms if not term.monitor]


def find_similar_terms(stage: StagePlan, graph: Graph) -> Iterator[tuple[BoundTerm, BoundTerm]]:
    """Weighed terms of one loss on the same tensors, after the same adapters."""
    for one, other in combinations(weighted_terms(stage), 2):
        if type(one.loss) is type(other.loss) and graph.bindings[one.label] == graph.bindings[other.label]:
            yield one, other


def find_duplicate_terms(stage: StagePlan, graph: Graph) -> Iterator[Problem]:
    """The same term under two names."""
    for one, other in find_similar_terms(stage, graph):
        if one.loss.config == other.loss.config:
            text = f"{other.label}: the same as {one.label}: {one.use} on the same signals with the same config"
            yield Problem(
                text, other.place, ("remove one and add up the weights, or set monitor = true",), code="same-term-twice"
            )


@torch.no_grad()
def rewards_identity(stage: StagePlan, probe_batch: ProbeBatch) -> Iterator[Problem]:
    """An objective that a student which changes nothing has already reached: its image is the input, a curve map 0."""
    terms, unchanged = weighted_terms(stage), _identity_outputs(probe_batch)
    read = {name for term in terms for name in term.bindings.values() if name.startswith(f"{STUDENT}.")}
    if not read <= unchanged.keys() or any(probe_batch.tensors[name].shape != unchanged[name].shape for name in read):
        return
    labels = [term.label for term in terms]
    tensors = probe_batch.graph.run_adapters({**probe_batch.tensors, **unchanged}, labels)
    for term in terms:
        value = loss_values(term, probe_batch.port_tensors(term, tensors))
        if not bool((value - term.loss.bounds[0] <= MINIMUM_TOLERANCE).all()):
            return
    text = f"stage {stage.name!r}: the objective is least when the student changes nothing"
    told = f"every term is at its least value where the output is the input: {', '.join(labels)}"
    yield Problem(text, stage.place, (told,), code="rewards-nothing")


def _identity_outputs(probe_batch: ProbeBatch) -> dict[str, Tensor]:
    """The outputs of a student that changes nothing, as far as the student declares them."""
    known = {f"{STUDENT}.enhanced": probe_batch.tensors["low"]}
    for forward in probe_batch.graph.forward_passes():
        for name, signal in forward.describe({}).items() if forward.owner == STUDENT else ():
            if signal.unchanged is not None and name in probe_batch.tensors:
                known[name] = torch.full_like(probe_batch.tensors[name], signal.unchanged)
    return known
