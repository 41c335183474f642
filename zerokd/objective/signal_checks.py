"""Checks of the tensors that a call gives an objective."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from torch import Tensor

from zerokd.errors import Place, Problem, RecipeError, did_you_mean
from zerokd.objective.graph import Graph
from zerokd.objective.signal_name import SignalName
from zerokd.objective.stage_plan import ObjectivePlan


def require_signals(
    plan: ObjectivePlan,
    graph: Graph,
    inputs: Collection[str],
    labels: Collection[str],
    prepared_labels: Collection[str],
) -> None:
    """Check that models and given signals make all that these terms read.

    Raises:
        RecipeError: signals are missing, with each term and port that needs one.
    """
    outputs, available = graph.tensors_read_by(labels, prepared_labels), frozenset(inputs)
    calls = graph.live_calls(outputs, available)
    missing = outputs.union(*(call.reads for call in calls)) - available.union(*(call.writes for call in calls))
    if missing:
        problems = list(_describe_missing(plan, graph, missing, available, labels))
        raise RecipeError(*problems or [Problem(f"missing signals: {', '.join(sorted(missing))}", plan.place)])


def require_equal_sizes(inputs: Mapping[str, Tensor], place: Place) -> None:
    """Check that given signals have the same number of images.

    Raises:
        RecipeError: two of them differ in their first axis.
    """
    (first, size), *others = ((name, len(tensor)) for name, tensor in inputs.items())
    for name, other in others:
        if other != size:
            text = f"{first!r} has {size} images and {name!r} has {other}"
            hint = "the first axis of every signal is the batch"
            raise RecipeError(Problem(text, place, (hint,), code="shapes-differ"))


def require_step(plan: ObjectivePlan, step: int | None) -> int:
    """The step that a call of an objective names, whose weights change with it.

    Raises:
        RecipeError: it names none, or the objective has no such step.
    """
    if step is None:
        text = f"{plan.name}: weights change with the step, and the call gives no step"
        raise RecipeError(Problem(text, plan.place, ("call objective(batch, step=step), from 0",)))
    if not 0 <= step < plan.clock.steps:
        text = f"{plan.name}: step {step} is not in [0, {plan.clock.steps - 1}]"
        raise RecipeError(Problem(text, plan.place, ("steps= says how many steps there are",)))
    return step


def _describe_missing(
    plan: ObjectivePlan, graph: Graph, missing: frozenset[str], inputs: frozenset[str], labels: Collection[str]
) -> Iterator[Problem]:
    """Each port that cannot be read: its signal is missing, or the input of the model that computes it is."""
    model_inputs = {call.key: call.reads[0] for call in graph.forward_passes()}
    for term in plan.terms:
        for port, text in term.bindings.items() if term.label in labels else ():
            needed = text if text in missing else model_inputs.get(SignalName.parse(text).call)
            if needed in missing and text not in inputs:
                message = f"{term.label}: port {port!r} reads {text!r}, and the signal {needed!r} is missing"
                hints = did_you_mean(needed, [*inputs, *model_inputs])
                hint = "give it in the call, or give the model that computes it"
                yield Problem(message, term.port_places.get(port, term.place), (hint, *hints), code="unknown-signal")
