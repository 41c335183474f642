"""A stage's equation expanded: every term's effective coefficient, the source of every signal, and what runs when."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from attrs import asdict, field, frozen

from zerokd.describe import latex
from zerokd.describe.factors import NO_FACTORS, FactorHistory
from zerokd.equation.expression import Series, format_expression
from zerokd.objective.aggregation import describe_effect
from zerokd.objective.calls import Adaptation
from zerokd.objective.models import CRITIC
from zerokd.objective.objective import Objective
from zerokd.objective.signal_name import LOW, PARAMETERS, SignalName
from zerokd.objective.stage_plan import CriticPlan, StagePlan
from zerokd.objective.term import BoundTerm, signal_names
from zerokd.plugin.contracts import Aggregator
from zerokd.recipe.build.components import Components

Range = tuple[float, float]  # least and greatest over the stage


@frozen
class TermExplanation:
    """``effective`` = ``coefficient`` of the group x ``weight`` of the term x ``factor`` of the loss; each is a range
    over the ``steps`` that compute the term."""

    label: str
    loss: str
    coefficient: Range
    weight: Range
    factor: float
    effective: Range
    steps: int
    monitored: bool
    on: dict[str, str]
    adapters: tuple[str, ...]


@frozen
class ForwardPassExplanation:
    """A model's forward pass: at how many ``steps`` it runs, and how many more passes sharing avoids (``shared``)."""

    owner: str
    source: str
    gradient: bool
    steps: int
    shared: int


@frozen
class StageExplanation:
    """A stage. ``signals`` holds the source of each signal and the terms that read it; ``idle`` terms have weight 0 at
    every step and are not computed. ``aggregation`` says what the ``aggregator`` does, ``factors`` what it multiplied
    the gradients of a run's terms by."""

    stage: str
    equation: str
    groups: dict[str, str]
    latex: str
    epochs: int
    steps: int
    terms: tuple[TermExplanation, ...]
    signals: dict[str, tuple[str, tuple[str, ...]]]
    forwards: tuple[ForwardPassExplanation, ...]
    adaptations: tuple[str, ...]
    idle: tuple[str, ...]
    optimizer: dict[str, Any]
    aggregator: str = ""
    turns: str = ""  # of a critic
    aggregation: str = ""
    factors: Mapping[str, FactorHistory] = field(factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain data, as ``zerokd explain --json`` prints it."""
        return asdict(self)


def explain_stage(
    stage: StagePlan,
    components: Components,
    objective: Objective,
    factors: Mapping[str, FactorHistory] = NO_FACTORS,
    critic: CriticPlan | None = None,
) -> StageExplanation:
    """Explain a stage that has passed its probe, or the ``critic`` of one, with ``stage`` as its own plan; ``factors``
    are those of a run of it."""
    computed = {term.label: objective.computed_mask(term.label, stage.clock.steps) for term in stage.terms}
    terms = tuple(_explain_term(term, stage, objective, computed[term.label]) for term in stage.terms)
    return StageExplanation(
        stage=stage.name,
        equation=stage.equation.text,
        groups={group: format_expression(expression) for group, expression in stage.equation.coefficients.items()},
        latex=_stage_to_latex(stage, terms),
        epochs=stage.epochs,
        steps=stage.clock.steps,
        terms=terms,
        signals=_collect_signals(stage),
        forwards=tuple(_explain_forward_passes(stage, components, objective, computed)),
        adaptations=tuple(call.key for call in objective.graph.calls if isinstance(call, Adaptation)),
        idle=stage.idle_terms,
        optimizer=stage.optimizer.as_json(),
        aggregator=stage.aggregator_name,
        turns="" if critic is None else critic.describe_turns(),
        aggregation="" if stage.aggregator is None else _describe_aggregation(stage.aggregator),
        factors=dict(factors),
    )


def _describe_aggregation(aggregator: Aggregator) -> str:
    about = inspect.cleandoc(type(aggregator).__doc__ or "").partition("\n")[0]
    return f"{describe_effect(aggregator)}. {about}".strip()


def _explain_term(term: BoundTerm, stage: StagePlan, objective: Objective, mask: np.ndarray) -> TermExplanation:
    factor = term.loss.factor
    return TermExplanation(
        label=term.label,
        loss=term.use,
        coefficient=_value_range(stage.coefficients[term.group], mask),
        weight=_value_range(stage.weights[term.label], mask),
        factor=factor,
        effective=_value_range(objective.weights[term.label] * factor, mask),
        steps=int(mask.sum()),
        monitored=term.monitor,
        on=term.bindings,
        adapters=term.adapter_names,
    )


def _value_range(series: Series, mask: np.ndarray) -> Range:
    values = np.broadcast_to(series, mask.shape)[mask]
    return float(values.min()), float(values.max())


def _collect_signals(stage: StagePlan) -> dict[str, tuple[str, tuple[str, ...]]]:
    readers: dict[str, list[str]] = {}
    for term in stage.terms:
        for name in signal_names([term]):
            readers.setdefault(name.text, []).append(term.label)
    return {text: (_describe_origin(SignalName.parse(text), stage), tuple(labels)) for text, labels in readers.items()}


def _describe_input(name: SignalName, stage: StagePlan) -> str:
    view = stage.views.get(name.owner or name.output)
    if view is not None:
        return f"{view.use} of {name.argument.text if name.argument else view.source}"
    return "the augmented input" if name.output == LOW else f"{name.output} of the data, beside the input"


def _describe_origin(name: SignalName, stage: StagePlan) -> str:
    if name.is_input or name.is_applied:
        return _describe_input(name, stage)
    if name.output == PARAMETERS:
        return f"all parameters of {name.owner}"
    where = f" on {name.argument.text}" if name.argument else ""
    return f"output of a layer of {name.owner}{where}" if name.layer else f"output of {name.owner}{where}"


def _describe_model(owner: str, stage: StagePlan, components: Components) -> str:
    if owner == CRITIC:
        record = components.provenance[f"stages.{stage.name.removesuffix('.critic')}.critic"]
        return f"{record['use'].rpartition(':')[2]}, which trains in turn with the student"
    if owner in components.averages:
        average = components.averages[owner]
        return f"moving average of {average.source_name}, decay {average.decay:g}"
    origin = components.provenance[f"models.{owner}"]
    return f"{origin['use'].rpartition(':')[2]}, weights {origin.get('weights', 'of its own')}"


def _explain_forward_passes(
    stage: StagePlan, components: Components, objective: Objective, masks: dict[str, np.ndarray]
) -> Iterable[ForwardPassExplanation]:
    for call in objective.graph.forward_passes():
        readers = [
            term.label
            for term in stage.terms
            if call in objective.graph.live_calls(objective.graph.tensors_read_by([term.label]))
        ]
        steps = int(np.any([masks[label] for label in readers], axis=0).sum())
        unshared = sum(int(masks[label].sum()) for label in readers)
        yield ForwardPassExplanation(
            call.key, _describe_model(call.owner, stage, components), call.trains, steps, unshared - steps
        )


def _weight_to_latex(term: TermExplanation) -> str:
    """A weight before its loss: empty for 1, a function of time if it changes."""
    low, high = term.weight
    if low != high:
        return f"w_{{{latex.name_to_latex(term.label)}}}(t) \\, "
    return "" if low == 1 else f"{latex.number_to_latex(low)} \\, "


def _stage_to_latex(stage: StagePlan, terms: Iterable[TermExplanation]) -> str:
    """The equation over groups, and below it each group as a sum of terms."""
    groups = stage.equation.coefficients
    total = [
        latex.coefficient_to_latex(expression) + latex.loss_to_latex(group) for group, expression in groups.items()
    ]
    sums = {stage.name: total}
    for group in groups:
        parts = [
            _weight_to_latex(term) + latex.loss_to_latex(term.label.partition(".")[2])
            for term in terms
            if term.label.partition(".")[0] == group and not term.monitored
        ]
        if parts:
            sums[group] = parts
    return latex.sums_to_latex([(latex.loss_to_latex(name), parts) for name, parts in sums.items()])
