"""The evidence that a recipe's terms train its student, for a person and for a program."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from attrs import asdict

from zerokd.measure.held_out import told
from zerokd.proof.evidence import Evidence
from zerokd.run.session import UNTRAINED, Plan

WIDTH = 80
SHOWN_CONFLICTS = 5
COLUMNS = ("value", "weight", "contrib", "|g| out", "|g| par", "share")


def as_data(plan: Plan) -> dict[str, Any]:
    """Everything, as plain data."""
    components = plan.components
    first = {name: asdict(one) for name, one in plan.untrained.items()}
    return {
        "recipe": components.name,
        "seed": components.seed,
        "fallbacks": list(components.fallbacks),
        "cautions": list(components.cautions),
        "stages": [one.as_json() for one in plan.evidences],
        "metrics": told(plan.gauge.measures, {UNTRAINED: first}, plan.measured_on),
    }


def as_text(plan: Plan) -> str:
    """A table for each stage, no line wider than 80 columns but for long names."""
    components = plan.components
    lines = [f"recipe {components.name}, seed {components.seed}, {len(components.data)} images"]
    for name, texts in (("FALLBACK", components.fallbacks), ("caution", components.cautions)):
        for text in texts:
            lines += wrapped(f"{name}: {text}", "  ")
    for phase, measured in zip(components.phases, plan.evidences, strict=True):
        lines += ["", *wrapped(f"{phase.name}: {phase.equation.text}", "  "), *_table(measured)]
        if phase.idle:
            lines += wrapped(f"not computed, weight 0 at every step: {', '.join(phase.idle)}", "    ", "  ")
    for name, about in as_data(plan)["metrics"].items():
        value = f"{about['value']:.4g} {about['unit']}".rstrip()
        text = f"metric {name}: {about['use']} is {value} on {about['images']} {about['measured_on']} images"
        lines += wrapped(f"{text}, of the untrained student; {about['better']} is better", "  ")
    which = "every term above" if any(phase.idle for phase in components.phases) else "every term"
    legend = (
        f"{which} trains the student; |g|: norm of the contribution's gradient,",
        "out: at what the student gives, par: at its parameters, share: of the sum of par",
    )
    return "\n".join([*lines, "", *legend])


def _table(measured: Evidence) -> Iterator[str]:
    width = max(len(term.label) for term in measured.terms)
    yield f"  {'term':<{width}}" + "".join(f"{name:>9}" for name in COLUMNS[:-1]) + f"{COLUMNS[-1]:>7}"
    for term in measured.terms:
        numbers = (term.value, term.weight, term.contribution, term.at_outputs, term.at_parameters)
        yield (
            f"  {term.label:<{width}}" + "".join(f"{_short(one):>9}" for one in numbers) + f"{_percent(term.share):>7}"
        )
    worst = measured.conflicts()
    for cosine, one, other in worst[:SHOWN_CONFLICTS]:
        yield f"  conflict {cosine:.2f}: {one} and {other}"
    if len(worst) > SHOWN_CONFLICTS:
        yield f"  and {len(worst) - SHOWN_CONFLICTS} lesser conflicts; --json has every pair"
    for text in measured.notes:
        yield from wrapped(f"note: {text}", "    ", "  ")


def _short(number: float) -> str:
    """Three significant digits in at most eight characters."""
    return f"{number:.3g}" if 1e-3 <= abs(number) < 1e4 or number == 0 else f"{number:.1e}"


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 5e-4 or share == 0 else "<0.1%"


def wrapped(text: str, later: str, first: str = "") -> list[str]:
    return wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )
