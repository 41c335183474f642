"""Evidence as a table: for a terminal of 80 columns, and for a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from zerokd.text import format_number, wrap_text

if TYPE_CHECKING:
    from zerokd.proof.evidence import Evidence, TermEvidence

MAX_SHOWN_CONFLICTS = 5
COLUMNS = ("value", "weight", "contrib", "|g| out", "|g| par", "share")


def format_evidence(evidence: Evidence) -> Iterator[str]:
    """Lines: a row for each term, then conflicts and notes."""
    width = max((len(term.label) for term in evidence.terms), default=4)
    yield f"  {'term':<{width}}" + "".join(f"{name:>9}" for name in COLUMNS[:-1]) + f"{COLUMNS[-1]:>7}"
    for term in evidence.terms:
        *numbers, share = _format_row(term)
        yield f"  {term.label:<{width}}" + "".join(f"{number:>9}" for number in numbers) + f"{share:>7}"
    yield from (f"  {line}" for line in _format_conflicts(evidence))
    for text in evidence.notes:
        yield from wrap_text(f"note: {text}", "    ", "  ")


def format_evidence_html(evidence: Evidence) -> str:
    """A table with conflicts and notes below it."""
    head = "".join(f"<th>{escape(name)}</th>" for name in ("term", *COLUMNS))
    rows = (
        f"<tr><td>{escape(term.label)}</td>" + "".join(f"<td>{number}</td>" for number in _format_row(term)) + "</tr>"
        for term in evidence.terms
    )
    remarks = [*_format_conflicts(evidence), *(f"note: {text}" for text in evidence.notes)]
    below = "".join(f"<li>{escape(text)}</li>" for text in remarks)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
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


def _format_percent(share: float) -> str:
    return f"{share:.1%}" if share >= 5e-4 or share == 0 else "<0.1%"
