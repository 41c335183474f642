"""What a stage's equation comes to: every term's effective coefficient, where signals come from, and what runs when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from attrs import asdict, frozen

from zerokd.describe import latex
from zerokd.equation.expression import Series, show
from zerokd.objective.graph import Adaptation
from zerokd.objective.objective import Objective
from zerokd.objective.signals import SignalName
from zerokd.objective.stage_plan import Phase
from zerokd.objective.term import Term
from zerokd.recipe.build.components import Components

Range = tuple[float, float]  # a number's least and greatest over the stage; both are equal where it never changes


@frozen
class TermAccount:
    """``effective`` = ``coefficient`` of the group x ``weight`` of the term x ``factor`` of the loss; each is a range
    over the steps at which the term is computed. ``steps`` counts these."""

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
class ForwardAccount:
    """A model's forward pass: at how many steps it runs, and at how many more it would without sharing."""

    owner: str
    source: str
    gradient: bool
    steps: int
    shared: int


@frozen
class Explanation:
    """One stage. ``signals`` says of each signal where it comes from and which terms read it; ``idle`` are terms of
    weight 0, of which nothing is computed."""

    stage: str
    equation: str
    groups: dict[str, str]
    latex: str
    epochs: int
    steps: int
    terms: tuple[TermAccount, ...]
    signals: dict[str, tuple[str, tuple[str, ...]]]
    forwards: tuple[ForwardAccount, ...]
    adaptations: tuple[str, ...]
    idle: tuple[str, ...]
    aggregator: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


def explain(phase: Phase, components: Components, objective: Objective) -> Explanation:
    """Account for a stage that has passed its probe."""
    computed = {term.label: objective.computed(term.label, phase.clock.steps) for term in phase.terms}
    accounts = tuple(_account(term, phase, objective, computed[term.label]) for term in phase.terms)
    return Explanation(
        stage=phase.name,
        equation=phase.equation.text,
        groups={group: show(one) for group, one in phase.equation.coefficients.items()},
        latex=_latex(phase, accounts),
        epochs=phase.epochs,
        steps=phase.clock.steps,
        terms=accounts,
        signals=_signals(phase.terms),
        forwards=tuple(_forwards(phase, components, objective, computed)),
        adaptations=tuple(call.key for call in objective.graph.calls if isinstance(call, Adaptation)),
        idle=phase.idle,
        aggregator=phase.aggregate,
    )


def _account(term: Term, phase: Phase, objective: Objective, computed: np.ndarray) -> TermAccount:
    factor = term.loss.factor
    return TermAccount(
        label=term.label,
        loss=term.use,
        coefficient=_range(phase.coefficients[term.group], computed),
        weight=_range(phase.weights[term.label], computed),
        factor=factor,
        effective=_range(objective.weights[term.label] * factor, computed),
        steps=int(computed.sum()),
        monitored=term.monitor,
        on=term.on,
        adapters=term.adapter_names,
    )


def _range(series: Series, computed: np.ndarray) -> Range:
    values = np.broadcast_to(series, computed.shape)[computed]
    return float(values.min()), float(values.max())


def _signals(terms: Iterable[Term]) -> dict[str, tuple[str, tuple[str, ...]]]:
    readers: dict[str, list[str]] = {}
    for term in terms:
        for text in term.on.values():
            readers.setdefault(text, []).append(term.label)
    return {text: (_origin(SignalName.read(text)), tuple(labels)) for text, labels in readers.items()}


def _origin(name: SignalName) -> str:
    if not name.owner:
        return "input of the step, augmented"
    return f"the own output of a layer of {name.owner}" if name.layer else f"an output of {name.owner}"


def _model(owner: str, components: Components) -> str:
    if owner in components.averages:
        average = components.averages[owner]
        return f"the moving average of {average.of}, decay {average.decay:g}"
    origin = components.origins[f"models.{owner}"]
    return f"{origin['use'].rpartition(':')[2]}, weights {origin['weights']}"


def _forwards(
    phase: Phase, components: Components, objective: Objective, computed: dict[str, np.ndarray]
) -> Iterable[ForwardAccount]:
    for call in objective.graph.forwards():
        readers = [
            term.label for term in phase.terms if call in objective.graph.live(objective.graph.read_by([term.label]))
        ]
        steps = int(np.any([computed[label] for label in readers], axis=0).sum())
        alone = sum(int(computed[label].sum()) for label in readers)
        role = components.role(call.owner)
        yield ForwardAccount(call.owner, _model(call.owner, components), role == "student", steps, alone - steps)


def _symbol(term: TermAccount) -> str:
    """A weight before its loss: nothing for 1, a function of time where it changes."""
    least, most = term.weight
    if least != most:
        return f"w_{{{latex.name(term.label)}}}(t) \\, "
    return "" if least == 1 else f"{latex.number(least)} \\, "


def _latex(phase: Phase, accounts: Iterable[TermAccount]) -> str:
    """The equation over groups, and below it every group's sum over its terms."""
    groups = phase.equation.coefficients
    total = " + ".join(latex.factor(one) + latex.loss(group) for group, one in groups.items())
    lines = [f"{latex.loss(phase.name)} &= {total}"]
    for group in groups:
        parts = [
            _symbol(one) + latex.loss(one.label.partition(".")[2])
            for one in accounts
            if one.label.partition(".")[0] == group and not one.monitored
        ]
        if parts:
            lines.append(f"{latex.loss(group)} &= {' + '.join(parts)}")
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"
