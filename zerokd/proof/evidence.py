"""Evidence: what each term of an objective contributes on a few images; values, gradients, shares, conflicts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import torch
from attrs import asdict, frozen

from zerokd.objective.aggregation import collect_term_values, describe_aggregator
from zerokd.objective.calls import Adaptation, Tensors
from zerokd.objective.gradients import compare_gradients, flat_gradient, gradients_through_intermediates
from zerokd.objective.objective import Objective
from zerokd.objective.stage_plan import StagePlan
from zerokd.proof.notes import collect_notes
from zerokd.proof.trial import gradient_leaves, preserve_buffers_and_rng, takes_gradients
from zerokd.text import format_number, wrap_text

OPPOSING_COSINE = -0.1  # two terms oppose each other where the cosine of their gradients is below this

MAX_SHOWN_CONFLICTS = 5
MONITORED_NOTE = "monitored: it does not train"
EVIDENCE_COLUMNS = ("value", "weight", "contrib", "|g| out", "|g| par", "share")


@frozen
class TermEvidence:
    """A weighted term. ``value`` is its mean over the images, ``weight`` its largest effective weight,
    ``contribution`` weight x value. ``at_outputs`` and ``at_parameters`` are the L2 norms of the contribution's
    gradient at the student's tensors that the objective reads, and at its parameters; ``share`` is the term's part of
    the sum of the latter."""

    label: str
    value: float
    weight: float
    contribution: float
    at_outputs: float
    at_parameters: float
    share: float


@frozen
class MonitoredValue:
    """A monitored term, which does not train, and its mean over the images; None: not finite."""

    label: str
    value: float | None


@frozen
class Evidence:
    """The weighted terms of an objective, the cosine of every pair of their parameter gradients, notes, and the values
    of monitored terms."""

    stage: str
    images: int
    terms: tuple[TermEvidence, ...]
    cosines: tuple[tuple[float, ...], ...]
    notes: tuple[str, ...]
    monitored: tuple[MonitoredValue, ...] = ()

    def find_conflicts(self) -> list[tuple[float, str, str]]:
        """Pairs of terms that oppose each other, the worst first: (cosine, label, label)."""
        labels = [term.label for term in self.terms]
        pairs = [
            (self.cosines[row][column], labels[row], labels[column])
            for row in range(len(labels))
            for column in range(row + 1, len(labels))
        ]
        return sorted(pair for pair in pairs if pair[0] < OPPOSING_COSINE)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as `zerokd check --json` prints it."""
        terms = [asdict(term) for term in self.terms]
        return {
            "stage": self.stage,
            "images": self.images,
            "terms": terms,
            "cosines": [list(row) for row in self.cosines],
            "notes": list(self.notes),
            "monitored": [asdict(term) for term in self.monitored],
        }

    def __str__(self) -> str:
        return "\n".join(format_evidence(self))

    def _repr_html_(self) -> str:
        return format_evidence_html(self)


def measure_evidence(objective: Objective, inputs: Tensors) -> Evidence:
    """Measure an objective that has passed its probe on the same inputs. Parameters, buffers and random state stay."""
    leaves = gradient_leaves(objective, inputs)
    with preserve_buffers_and_rng(*objective.models.models.values(), objective), torch.enable_grad():
        graph, weights = objective.graph, objective.peak_weights()
        tensors = graph.compute(inputs, graph.tensors_read_by(weights))
        # a detached copy of each trained tensor: gradient through one tensor to another does not count twice
        sources = set(inputs).union(*(call.writes for call in graph.calls if not isinstance(call, Adaptation)))
        intermediates = {
            name: (tensor, tensor.detach().requires_grad_())
            for name, tensor in tensors.items()
            if name in sources and tensor.requires_grad
        }
        copies = {name: copy for name, (_, copy) in intermediates.items()}
        adapted = graph.run_adapters(tensors | copies, weights)
        means, at_outputs, at_leaves = {}, {}, {}
        for label, weight in weights.items():  # one after the other: a term's autograd graph may be large
            if not takes_gradients(objective.loss(label)):
                value = objective.value(label, adapted).mean()
                outputs, at_leaves[label] = gradients_through_intermediates(weight * value, intermediates, leaves)
            else:  # a value that consists of gradients, which copies do not have
                value = objective.value(label, tensors).mean()
                read = [tensor for name in graph.bindings[label].values() if (tensor := tensors[name]).requires_grad]
                outputs = flat_gradient(weight * value, read, retain_graph=True)
                at_leaves[label] = flat_gradient(weight * value, leaves, retain_graph=True)
            means[label], at_outputs[label] = value.item(), outputs.cpu().double().norm().item()
        comparison = compare_gradients(at_leaves)
        notes = list(_describe_aggregation(objective, at_leaves, means))
        shares = dict(zip(weights, comparison.shares, strict=True))
        notes += collect_notes(objective.plan, graph, tensors, shares)
    terms = tuple(
        TermEvidence(label, means[label], weight, weight * means[label], at_outputs[label], norm, shares[label])
        for (label, weight), norm in zip(weights.items(), comparison.norms, strict=True)
    )
    count, monitored = len(next(iter(inputs.values()))), _measure_monitored(objective, inputs)
    return Evidence(objective.plan.name, count, terms, comparison.cosines, tuple(notes), monitored)


def _describe_aggregation(objective: Objective, gradients: Tensors, means: Mapping[str, float]) -> Iterator[str]:
    """What a stage's aggregator does with these gradients, if they are those of its first step."""
    stage = objective.plan
    if isinstance(stage, StagePlan) and stage.aggregator is not None:
        terms = collect_term_values(stage, gradients, means, objective.peak_weights(), step=0)
        yield describe_aggregator(stage.aggregator, stage.aggregator_name, gradients, terms)


def _measure_monitored(objective: Objective, inputs: Tensors) -> tuple[MonitoredValue, ...]:
    labels = [label for label in objective.weights if label in objective.monitored_labels]
    with preserve_buffers_and_rng(*objective.models.models.values(), objective), torch.no_grad():
        values = objective.values(inputs, labels) if labels else {}
    means = {label: value.double().mean().item() for label, value in values.items()}
    return tuple(MonitoredValue(label, mean if math.isfinite(mean) else None) for label, mean in means.items())


def format_evidence(evidence: Evidence) -> Iterator[str]:
    """Lines: a row for each term, then conflicts and notes."""
    labels = [*(term.label for term in evidence.terms), *(term.label for term in evidence.monitored)]
    width = max(map(len, labels), default=4)
    yield (
        f"  {'term':<{width}}" + "".join(f"{name:>9}" for name in EVIDENCE_COLUMNS[:-1]) + f"{EVIDENCE_COLUMNS[-1]:>7}"
    )
    for term in evidence.terms:
        *numbers, share = _format_row(term)
        yield f"  {term.label:<{width}}" + "".join(f"{number:>9}" for number in numbers) + f"{share:>7}"
    for monitored in evidence.monitored:
        yield f"  {monitored.label:<{width}}{_format_monitored(monitored):>9}  {MONITORED_NOTE}"
    yield from (f"  {line}" for line in _format_conflicts(evidence))
    for text in evidence.notes:
        yield from wrap_text(f"note: {text}", "    ", "  ")


def format_evidence_html(evidence: Evidence) -> str:
    """A table with conflicts and notes below it."""
    head = "".join(f"<th>{escape(name)}</th>" for name in ("term", *EVIDENCE_COLUMNS))
    rows = (
        f"<tr><td>{escape(term.label)}</td>" + "".join(f"<td>{number}</td>" for number in _format_row(term)) + "</tr>"
        for term in evidence.terms
    )
    monitored_rows = (
        f'<tr><td>{escape(term.label)}</td><td>{_format_monitored(term)}</td><td colspan="5">{MONITORED_NOTE}</td></tr>'
        for term in evidence.monitored
    )
    remarks = [*_format_conflicts(evidence), *(f"note: {text}" for text in evidence.notes)]
    below = "".join(f"<li>{escape(text)}</li>" for text in remarks)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join((*rows, *monitored_rows))}</tbody></table>"
    return table + (f"<ul>{below}</ul>" if below else "")


def _format_conflicts(evidence: Evidence) -> Iterator[str]:
    conflicts = evidence.find_conflicts()
    for cosine, first, second in conflicts[:MAX_SHOWN_CONFLICTS]:
        yield f"conflict {cosine:.2f}: {first} and {second}"
    if len(conflicts) > MAX_SHOWN_CONFLICTS:
        yield f"and {len(conflicts) - MAX_SHOWN_CONFLICTS} weaker conflicts; --json lists every pair"


def _format_row(term: TermEvidence) -> list[str]:
    numbers = (term.value, term.weight, term.contribution, term.at_outputs, term.at_parameters)
    return [*(format_number(number, 3) for number in numbers), _format_percent(term.share)]


def _format_monitored(term: MonitoredValue) -> str:
    return "not finite" if term.value is None else format_number(term.value, 3)


def _format_percent(share: float) -> str:
    return f"{share:.1%}" if share >= 5e-4 or share == 0 else "<0.1%"
