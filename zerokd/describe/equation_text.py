"""The explanation of a recipe's equations, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from zerokd.describe.equation import Range, StageExplanation, TermExplanation, explain_stage
from zerokd.describe.factors import NO_FACTORS, NO_RUN_FACTORS, FactorHistory, RunFactors
from zerokd.describe.optimizer_text import describe_optimizer
from zerokd.run.plan import RunPlan
from zerokd.text import format_number, wrap_text

COEFFICIENT_COLUMNS = ("group", "x weight", "x loss", "= total")


def explain_stages(plan: RunPlan, factors: RunFactors = NO_RUN_FACTORS) -> list[StageExplanation]:
    """The explanation of each player, in the order of the run; ``factors`` are those that a run logged."""
    critics = {stage.critic.stage.name: stage.critic for stage in plan.components.stages if stage.critic}
    pairs = zip(plan.components.players, plan.objectives, strict=True)
    return [
        explain_stage(
            player, plan.components, objective, factors.get(player.name, NO_FACTORS), critics.get(player.name)
        )
        for player, objective in pairs
    ]


def equations_to_dict(plan: RunPlan, factors: RunFactors = NO_RUN_FACTORS) -> dict[str, Any]:
    """All of it as plain data."""
    return {"recipe": plan.components.name, "stages": [stage.as_json() for stage in explain_stages(plan, factors)]}


def equations_to_latex(plan: RunPlan) -> str:
    """A display equation for each stage."""
    return "\n".join(f"% {stage.stage}\n\\[\n{stage.latex}\n\\]" for stage in explain_stages(plan))


def describe_equations(plan: RunPlan, factors: RunFactors = NO_RUN_FACTORS) -> str:
    """A section for each stage, in 80 columns unless names are long."""
    return "\n\n".join("\n".join(_describe_stage(stage)) for stage in explain_stages(plan, factors))


def _describe_stage(explanation: StageExplanation) -> Iterator[str]:
    yield f"{explanation.stage}: {explanation.epochs} epochs, {explanation.steps} steps"
    if explanation.turns:
        yield from wrap_text(explanation.turns, "      ", "  ")
    yield from wrap_text(f"objective = {explanation.equation}", "      ", "  ")
    trained = [term for term in explanation.terms if not term.monitored]
    expanded = " + ".join(f"{_format_range(term.effective)}*{term.label}" for term in trained)
    yield from wrap_text(f"= {expanded}", "      ", "    ")
    if explanation.aggregator:
        text = f"this sum is only reported: aggregator {explanation.aggregator!r} {explanation.aggregation}"
        yield from wrap_text(text, "      ", "  ")
    yield from wrap_text(f"optimizer: {describe_optimizer(explanation.optimizer)}", "      ", "  ")
    yield ""
    yield from _format_coefficients(explanation)
    yield ""
    yield from _describe_signals(explanation)
    yield ""
    yield from _describe_forwards(explanation)


def _format_coefficients(explanation: StageExplanation) -> Iterator[str]:
    width = max(len("coefficients"), *(len(term.label) for term in explanation.terms))
    rows = [_format_cells(term) for term in explanation.terms]
    sizes = [
        max(len(row[column]) for row in [*rows, COEFFICIENT_COLUMNS]) for column in range(len(COEFFICIENT_COLUMNS))
    ]
    yield _format_row("coefficients", COEFFICIENT_COLUMNS, "loss", width, sizes)
    for term, row in zip(explanation.terms, rows, strict=True):
        yield _format_row(term.label, row, term.loss, width, sizes)
        notes = [f"after {', '.join(term.adapters)}"] if term.adapters else []
        notes += [f"at {term.steps} of {explanation.steps} steps"] if term.steps < explanation.steps else []
        if notes:
            yield f"      {'; '.join(notes)}"
        if term.label in explanation.factors:
            yield f"      {_format_factors(explanation.factors[term.label])}"
    for label in explanation.idle:
        yield f"  {label:<{width}}  weight 0 at every step: not computed"


def _format_factors(history: FactorHistory) -> str:
    first, last = format_number(history.first), format_number(history.last)
    return f"x factor {first} at first, {last} at last, in {_format_range((history.least, history.greatest))}"


def _format_row(label: str, cells: Sequence[str], note: str, width: int, sizes: Sequence[int]) -> str:
    shown = " ".join(f"{cell:>{size}}" for cell, size in zip(cells, sizes, strict=True))
    return f"  {label:<{width}} {shown}  {note}"


def _format_cells(term: TermExplanation) -> tuple[str, ...]:
    if term.monitored:
        return "monitored", "", "", "0"
    return (
        _format_range(term.coefficient),
        _format_range(term.weight),
        f"{term.factor:g}",
        _format_range(term.effective),
    )


def _describe_signals(explanation: StageExplanation) -> Iterator[str]:
    yield "  signals"
    for name, (origin, readers) in explanation.signals.items():
        count = readers[0] if len(readers) == 1 else f"{len(readers)} terms"
        yield from wrap_text(f"{name}: {origin}, read by {count}", "      ", "    ")


def _describe_forwards(explanation: StageExplanation) -> Iterator[str]:
    yield "  forward passes"
    for call in explanation.forwards:
        kind = "with gradient" if call.gradient else "no gradient"
        when = "every step" if call.steps == explanation.steps else f"{call.steps} of {explanation.steps} steps"
        unneeded = explanation.steps - call.steps
        saved = f"; {call.shared} saved by sharing" if call.shared else ""
        saved += f"; {unneeded} steps need none" if unneeded else ""
        yield from wrap_text(f"{call.owner}: {call.source}", "      ", "    ")
        yield from wrap_text(f"{when}, {kind}{saved}", "        ", "      ")


def _format_range(values: Range) -> str:
    low, high = map(format_number, values)
    return low if values[0] == values[1] else f"{low}..{high}"
