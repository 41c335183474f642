"""The checks of a plugin, run one by one and told, without pytest."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from attrs import asdict, frozen

from zerokd.errors import RecipeError
from zerokd.plugin.catalogue import Catalogue
from zerokd.testing.check import Check, CheckError
from zerokd.testing.kit import checks_of, entries_of, unknown_failures


@frozen
class Outcome:
    """One check: ``known`` is a failure that the component declares, with its reason in ``told``."""

    subject: str
    check: str
    about: str
    state: Literal["passed", "FAILED", "known"]
    told: str = ""


def outcomes(plugin: str, catalogue: Catalogue) -> Iterator[Outcome]:
    """Run every check of a distribution or component.

    Raises:
        RecipeError: nothing has that name, or it is broken.
    """
    for entry in entries_of(plugin, catalogue):
        try:
            misnamed, checks = unknown_failures(entry), checks_of(entry)
        except RecipeError as fault:
            told = "; ".join(problem.message for problem in fault.problems)
            yield Outcome(
                entry.spec.name, "loads", "its class can be imported and is what its kind promises", "FAILED", told
            )
            continue
        for name in misnamed:
            text = "known_failures names a check that does not exist"
            yield Outcome(entry.spec.name, name, "known failures name checks", "FAILED", text)
        yield from map(_outcome, checks)


def _outcome(check: Check) -> Outcome:
    told, state = check.known, "known" if check.known else "passed"
    try:
        with warnings.catch_warnings(action="ignore"):
            check()
    except CheckError as fault:
        told, state = check.reason(fault).splitlines()[0], "FAILED"
    return Outcome(str(check.subject), check.name, check.rule.about, state, told)  # type: ignore[arg-type]


def as_text(found: Sequence[Outcome]) -> str:
    """A line for each check, those of one component together, and a count."""
    lines: list[str] = []
    for number, one in enumerate(found):
        if number == 0 or found[number - 1].subject != one.subject:
            lines.append(one.subject)
        lines.append(f"  {one.state:<6} {one.check:<18} {one.about}")
        lines += [f"         {one.told}"] if one.told else []
    counts = {state: sum(one.state == state for one in found) for state in ("passed", "known", "FAILED")}
    return "\n".join(
        [*lines, f"{counts['passed']} passed, {counts['known']} known failures, {counts['FAILED']} failed"]
    )


def as_json(found: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The same as plain data."""
    return [asdict(one) for one in found]


def failed(found: Sequence[Outcome]) -> bool:
    """Whether any check failed that was not known to."""
    return any(one.state == "FAILED" for one in found)
