"""The checks of a plugin, run one by one and told, without pytest."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from attrs import asdict, frozen

from zerokd.errors import RecipeError
from zerokd.plugin.catalogue import Catalogue
from zerokd.testing.check import Check, CheckError
from zerokd.testing.collection import collect_checks, find_entries, find_undefined_known_failures


@frozen
class CheckOutcome:
    """One check: ``known`` is a failure that the component declares, with its reason in ``told``."""

    subject: str
    check: str
    about: str
    state: Literal["passed", "FAILED", "known"]
    told: str = ""


def run_checks(plugin: str, catalogue: Catalogue) -> Iterator[CheckOutcome]:
    """Run every check of a distribution or component.

    Raises:
        RecipeError: nothing has that name, or it is broken.
    """
    for entry in find_entries(plugin, catalogue):
        try:
            misnamed, checks = find_undefined_known_failures(entry), collect_checks(entry)
        except RecipeError as error:
            told = "; ".join(problem.message for problem in error.problems)
            yield CheckOutcome(
                entry.spec.name, "loads", "its class can be imported and is what its kind promises", "FAILED", told
            )
            continue
        for name in misnamed:
            text = "known_failures names a check that does not exist"
            yield CheckOutcome(entry.spec.name, name, "known failures name checks", "FAILED", text)
        yield from map(_run_check, checks)


def _run_check(check: Check) -> CheckOutcome:
    told, state = check.known_failure, "known" if check.known_failure else "passed"
    try:
        with warnings.catch_warnings(action="ignore"):
            check()
    except CheckError as error:
        told, state = check.failure_reason(error).splitlines()[0], "FAILED"
    return CheckOutcome(str(check.subject), check.name, check.rule.about, state, told)  # type: ignore[arg-type]


def describe_check_outcomes(outcomes: Sequence[CheckOutcome]) -> str:
    """A line for each check, those of one component together, and a count."""
    lines: list[str] = []
    for number, one in enumerate(outcomes):
        if number == 0 or outcomes[number - 1].subject != one.subject:
            lines.append(one.subject)
        lines.append(f"  {one.state:<6} {one.check:<18} {one.about}")
        lines += [f"         {one.told}"] if one.told else []
    counts = {state: sum(outcome.state == state for outcome in outcomes) for state in ("passed", "known", "FAILED")}
    return "\n".join(
        [*lines, f"{counts['passed']} passed, {counts['known']} known failures, {counts['FAILED']} failed"]
    )


def check_outcomes_as_json(outcomes: Sequence[CheckOutcome]) -> list[dict[str, Any]]:
    """The same as plain data."""
    return [asdict(outcome) for outcome in outcomes]


def has_failed_checks(outcomes: Sequence[CheckOutcome]) -> bool:
    """Whether any check failed that was not known to."""
    return any(outcome.state == "FAILED" for outcome in outcomes)
