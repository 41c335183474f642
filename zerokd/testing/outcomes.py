"""Run the checks of a plugin without pytest, and report the outcomes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Literal

from attrs import asdict, frozen

from zerokd.errors import RecipeError
from zerokd.phases import phase
from zerokd.plugin.catalogue import Catalogue, CatalogueEntry
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


@frozen
class CheckGroup:
    """The checks of one component with one config, or the outcomes that are known without any."""

    name: str
    checks: tuple[Check, ...] = ()
    outcomes: tuple[CheckOutcome, ...] = ()

    def __len__(self) -> int:
        return len(self.checks)


def plan_checks(plugin: str, catalogue: Catalogue) -> list[CheckGroup]:
    """Collect all checks of a distribution or component, in the order of the report.

    Raises:
        RecipeError: nothing has that name, or it is broken.
    """
    return [group for entry in find_entries(plugin, catalogue) for group in _plan_entry(entry)]


def _plan_entry(entry: CatalogueEntry) -> Iterator[CheckGroup]:
    name = entry.spec.name
    try:
        misnamed, checks = find_undefined_known_failures(entry), collect_checks(entry)
    except RecipeError as error:
        reason = "; ".join(problem.message for problem in error.problems)
        about = "its class can be imported and keeps its kind's contract"
        yield CheckGroup(name, outcomes=(CheckOutcome(name, "loads", about, "FAILED", reason),))
        return
    text = "known_failures names a check that does not exist"
    misnamed_outcomes = (CheckOutcome(name, check, "known failures name checks", "FAILED", text) for check in misnamed)
    yield CheckGroup(name, outcomes=tuple(misnamed_outcomes))
    for _, group in groupby(checks, key=lambda check: id(check.subject)):
        own = tuple(group)
        yield CheckGroup(str(own[0].subject), own)


def run_checks(plugin: str, catalogue: Catalogue) -> Iterator[CheckOutcome]:
    """Run every check of a distribution or component.

    Raises:
        RecipeError: nothing has that name, or it is broken.
    """
    groups = plan_checks(plugin, catalogue)
    done, total = 0, sum(map(len, groups))
    for group in groups:
        yield from group.outcomes
        for check in group.checks:
            done += 1
            with phase(f"check {done} of {total}: {check.name} of {check.subject}"):
                yield run_check(check)


def run_check(check: Check) -> CheckOutcome:
    """Run one check without its warnings."""
    reason, state = check.known_failure, "known" if check.known_failure else "passed"
    try:
        with warnings.catch_warnings(action="ignore"):
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
