"""The account of a recipe's equation, for a person and for a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from zerokd.describe.equation import Explanation, Range, TermAccount, explain
from zerokd.describe.evidence_text import wrapped
from zerokd.run.session import Plan

COLUMNS = ("group", "x weight", "x loss", "= total")


def explanations(plan: Plan) -> list[Explanation]:
    """One for every stage, in the order of the run."""
    pairs = zip(plan.components.phases, plan.objectives, strict=True)
    return [explain(phase, plan.components, objective) for phase, objective in pairs]


def account_data(plan: Plan) -> dict[str, Any]:
    """Everything, as plain data."""
    return {"recipe": plan.components.name, "stages": [one.as_json() for one in explanations(plan)]}


def account_latex(plan: Plan) -> str:
    """One display equation a stage."""
    return "\n".join(f"% {one.stage}\n\\[\n{one.latex}\n\\]" for one in explanations(plan))


def account_text(plan: Plan) -> str:
    """A section for each stage, no line wider than 80 columns but for long names."""
    return "\n\n".join("\n".join(_stage(one)) for one in explanations(plan))


def _stage(one: Explanation) -> Iterator[str]:
    yield f"{one.stage}: {one.epochs} epochs, {one.steps} steps"
    yield from wrapped(f"objective = {one.equation}", "      ", "  ")
    trained = [term for term in one.terms if not term.monitored]
    expanded = " + ".join(f"{_range(term.effective)}*{term.label}" for term in trained)
    yield from wrapped(f"= {expanded}", "      ", "    ")
    if one.aggregator:
        text = f"this sum is reported and not descended: aggregator {one.aggregator!r} combines its terms' gradients"
        yield from wrapped(text, "      ", "  ")
    yield ""
    yield from _table(one)
    yield ""
    yield from _signals(one)
    yield ""
    yield from _forwards(one)


def _table(one: Explanation) -> Iterator[str]:
    width = max(len("coefficients"), *(len(term.label) for term in one.terms))
    rows = [_row(term) for term in one.terms]
    sizes = [max(len(row[column]) for row in [*rows, COLUMNS]) for column in range(len(COLUMNS))]
    yield _line("coefficients", COLUMNS, "loss", width, sizes)
    for term, row in zip(one.terms, rows, strict=True):
        yield _line(term.label, row, term.loss, width, sizes)
        notes = [f"after {', '.join(term.adapters)}"] if term.adapters else []
        notes += [f"at {term.steps} of {one.steps} steps"] if term.steps < one.steps else []
        if notes:
            yield f"      {'; '.join(notes)}"
    for label in one.idle:
        yield f"  {label:<{width}}  weight 0 at every step: not computed"


def _line(label: str, cells: Sequence[str], note: str, width: int, sizes: Sequence[int]) -> str:
    shown = " ".join(f"{cell:>{size}}" for cell, size in zip(cells, sizes, strict=True))
    return f"  {label:<{width}} {shown}  {note}"


def _row(term: TermAccount) -> tuple[str, ...]:
    if term.monitored:
        return "monitored", "", "", "0"
    return _range(term.coefficient), _range(term.weight), f"{term.factor:g}", _range(term.effective)


def _signals(one: Explanation) -> Iterator[str]:
    yield "  signals"
    for name, (origin, readers) in one.signals.items():
        count = readers[0] if len(readers) == 1 else f"{len(readers)} terms"
        yield from wrapped(f"{name}: {origin}, read by {count}", "      ", "    ")


def _forwards(one: Explanation) -> Iterator[str]:
    yield "  forwards"
    for call in one.forwards:
        kind = "with gradient" if call.gradient else "no gradient"
        when = "every step" if call.steps == one.steps else f"{call.steps} of {one.steps} steps"
        left = one.steps - call.steps
        saved = f"; {call.shared} saved by sharing them" if call.shared else ""
        saved += f"; {left} steps need none" if left else ""
        yield from wrapped(f"{call.owner}: {call.source}", "      ", "    ")
        yield from wrapped(f"{when}, {kind}{saved}", "        ", "      ")


def _range(values: Range) -> str:
    least, most = values
    return f"{least:.4g}" if least == most else f"{least:.4g}..{most:.4g}"
