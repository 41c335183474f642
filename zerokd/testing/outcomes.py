"""Run the checks of a plugin without pytest, and report the outcomes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from attrs import asdict, frozen

from zerokd.errors import RecipeError
from zerokd.phases import phase
from zerokd.plugin.catalogue import Catalogue
from zerokd.testing.check import Check, CheckError
from zerokd.testing.collection import collect_checks, find_entries, find_undefined_known_failures
from zerokd.text import wrap_text


@frozen
class CheckOutcome:
    """The outcome of one check. ``reason`` explains a failure; a known one is declared by the component."""

    subject: str
    check: str
    about: str
    state: Literal["passed", "FAILED", "known"]
    reason: str = ""


def run_checks(plugin: str, catalogue: Catalogue) -> Iterator[CheckOutcome]:
    """Run every check of a distribution or component.

    Raises:
        RecipeError: nothing has that name, or it is broken.
    """
    for entry in find_entries(plugin, catalogue):
        try:
            misnamed, checks = find_undefined_known_failures(entry), collect_checks(entry)
        except RecipeError as error:
            reason = "; ".join(problem.message for problem in error.problems)
            yield CheckOutcome(
                entry.spec.name, "loads", "its class can be imported and keeps its kind's contract", "FAILED", reason
            )
            continue
        for name in misnamed:
            text = "known_failures names a check that does not exist"
            yield CheckOutcome(entry.spec.name, name, "known failures name checks", "FAILED", text)
        yield from map(_run_check, checks)


def _run_check(check: Check) -> CheckOutcome:
    reason, state = check.known_failure, "known" if check.known_failure else "passed"
    try:
        with phase(f"checking {check.subject}: {check.name}"), warnings.catch_warnings(action="ignore"):
            check()
    except CheckError as error:
        reason, state = check.failure_reason(error).splitlines()[0], "FAILED"
    return CheckOutcome(str(check.subject), check.name, check.rule.about, state, reason)  # type: ignore[arg-type]


def describe_check_outcomes(outcomes: Sequence[CheckOutcome], failures_only: bool = False) -> str:
    """Format a line for each check, or each failed one, grouped by component, and the counts of all."""
    lines: list[str] = []
    shown = [outcome for outcome in outcomes if outcome.state == "FAILED" or not failures_only]
    for number, outcome in enumerate(shown):
        if number == 0 or shown[number - 1].subject != outcome.subject:
            lines.append(outcome.subject)
        lines += wrap_text(outcome.about, " " * 28, f"  {outcome.state:<6} {outcome.check:<18} ")
        lines += wrap_text(outcome.reason, " " * 9, " " * 9) if outcome.reason else []
    counts = {state: sum(outcome.state == state for outcome in outcomes) for state in ("passed", "known", "FAILED")}
    return "\n".join(
        [*lines, f"{counts['passed']} passed, {counts['known']} known failures, {counts['FAILED']} failed"]
    )


def check_outcomes_as_json(outcomes: Sequence[CheckOutcome]) -> list[dict[str, Any]]:
    """Return the outcomes as plain data."""
    return [
        {("told" if key == "reason" else key): value for key, value in asdict(outcome).items()} for outcome in outcomes
    ]


def has_failed_checks(outcomes: Sequence[CheckOutcome]) -> bool:
    """Whether any check failed that is not a known failure."""
    return any(outcome.state == "FAILED" for outcome in outcomes)
