"""Known ways in which the terms of a stage go wrong together, each of them sound alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import torch
from torch import Tensor

from zerokd.errors import Problem
from zerokd.objective.graph import Graph
from zerokd.objective.models import TRAINED
from zerokd.objective.stage_plan import Phase
from zerokd.objective.term import Term
from zerokd.proof.trial import Trial, value_of

UNCHANGED = 1e-12  # above its least value, where a term is still at its least


def weighed(phase: Phase) -> list[Term]:
    """The terms that train."""
    return [term for term in phase.terms if not term.monitor]


def alike(phase: Phase, graph: Graph) -> Iterator[tuple[Term, Term]]:
    """Weighed terms of one loss on the same tensors, after the same adapters."""
    for one, other in combinations(weighed(phase), 2):
        if type(one.loss) is type(other.loss) and graph.bindings[one.label] == graph.bindings[other.label]:
            yield one, other


def twice(phase: Phase, graph: Graph) -> Iterator[Problem]:
    """The same term under two names."""
    for one, other in alike(phase, graph):
        if one.loss.config == other.loss.config:
            text = f"{other.label}: the same as {one.label}: {one.use} on the same signals with the same config"
            yield Problem(
                text, other.place, ("remove one and add up the weights, or set monitor = true",), code="same-term-twice"
            )


@torch.no_grad()
def standstill(phase: Phase, trial: Trial) -> Iterator[Problem]:
    """An objective that a student which changes nothing has already reached: its image is the input, a curve map 0."""
    terms, unchanged = weighed(phase), _unchanged(trial)
    read = {name for term in terms for name in term.on.values() if name.startswith(f"{TRAINED}.")}
    if not read <= unchanged.keys() or any(trial.tensors[name].shape != unchanged[name].shape for name in read):
        return
    labels = [term.label for term in terms]
    tensors = trial.graph.adapt({**trial.tensors, **unchanged}, labels)
    for term in terms:
        value = value_of(term, trial.ports(term, tensors))
        if not bool((value - term.loss.bounds[0] <= UNCHANGED).all()):
            return
    text = f"stage {phase.name!r}: the objective is least when the student changes nothing"
    told = f"every term is at its least value where the output is the input: {', '.join(labels)}"
    yield Problem(text, phase.place, (told,), code="rewards-nothing")


def _unchanged(trial: Trial) -> dict[str, Tensor]:
    """The outputs of a student that changes nothing, as far as the student declares them."""
    known = {f"{TRAINED}.enhanced": trial.tensors["low"]}
    for forward in trial.graph.forwards():
        for name, signal in forward.describe({}).items() if forward.owner == TRAINED else ():
            if signal.unchanged is not None and name in trial.tensors:
                known[name] = torch.full_like(trial.tensors[name], signal.unchanged)
    return known
