"""The evidence that a recipe's terms train its student, for a person and for a program."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from attrs import asdict

from zerokd.measure.held_out import metrics_record
from zerokd.proof.evidence import Evidence
from zerokd.run.plan import UNTRAINED, RunPlan

TEXT_WIDTH = 80
MAX_SHOWN_CONFLICTS = 5
EVIDENCE_COLUMNS = ("value", "weight", "contrib", "|g| out", "|g| par", "share")


def evidence_to_dict(plan: RunPlan) -> dict[str, Any]:
    """Everything, as plain data."""
    components = plan.components
    first = {name: asdict(one) for name, one in plan.untrained_results.items()}
    return {
        "recipe": components.name,
        "seed": components.seed,
        "fallbacks": list(components.fallbacks),
        "cautions": list(components.cautions),
        "stages": [evidence.as_json() for evidence in plan.evidences],
        "metrics": metrics_record(plan.metric_evaluator.metrics, {UNTRAINED: first}, plan.measured_on),
    }


def describe_evidence(plan: RunPlan) -> str:
    """A table for each stage, no line wider than 80 columns but for long names."""
    components = plan.components
    lines = [f"recipe {components.name}, seed {components.seed}, {len(components.data)} images"]
    for name, texts in (("FALLBACK", components.fallbacks), ("caution", components.cautions)):
        for text in texts:
            lines += wrap_text(f"{name}: {text}", "  ")
    for stage, measured in zip(components.stages, plan.evidences, strict=True):
        lines += ["", *wrap_text(f"{stage.name}: {stage.equation.text}", "  "), *_format_terms(measured)]
        if stage.idle_terms:
            lines += wrap_text(f"not computed, weight 0 at every step: {', '.join(stage.idle_terms)}", "    ", "  ")
    for name, about in evidence_to_dict(plan)["metrics"].items():
        value = f"{about['value']:.4g} {about['unit']}".rstrip()
        text = f"metric {name}: {about['use']} is {value} on {about['images']} {about['measured_on']} images"
        lines += wrap_text(f"{text}, of the untrained student; {about['better']} is better", "  ")
    which = "every term above" if any(stage.idle_terms for stage in components.stages) else "every term"
    legend = (
        f"{which} trains the student; |g|: norm of the contribution's gradient,",
        "out: at what the student gives, par: at its parameters, share: of the sum of par",
    )
    return "\n".join([*lines, "", *legend])


def _format_terms(evidence: Evidence) -> Iterator[str]:
    width = max(len(term.label) for term in evidence.terms)
    yield (
        f"  {'term':<{width}}" + "".join(f"{name:>9}" for name in EVIDENCE_COLUMNS[:-1]) + f"{EVIDENCE_COLUMNS[-1]:>7}"
    )
    for term in evidence.terms:
        numbers = (term.value, term.weight, term.contribution, term.at_outputs, term.at_parameters)
        yield (
            f"  {term.label:<{width}}"
            + "".join(f"{_format_number(number):>9}" for number in numbers)
            + f"{_format_percent(term.share):>7}"
        )
    worst = evidence.find_conflicts()
    for cosine, one, other in worst[:MAX_SHOWN_CONFLICTS]:
        yield f"  conflict {cosine:.2f}: {one} and {other}"
    if len(worst) > MAX_SHOWN_CONFLICTS:
        yield f"  and {len(worst) - MAX_SHOWN_CONFLICTS} lesser conflicts; --json has every pair"
    for text in evidence.notes:
        yield from wrap_text(f"note: {text}", "    ", "  ")


def _format_number(number: float) -> str:
    """Three significant digits in at most eight characters."""
    return f"{number:.3g}" if 1e-3 <= abs(number) < 1e4 or number == 0 else f"{number:.1e}"


def _format_percent(share: float) -> str:
    return f"{share:.1%}" if share >= 5e-4 or share == 0 else "<0.1%"


def wrap_text(text: str, indent: str, first_indent: str = "") -> list[str]:
    return wrap(
        text,
        TEXT_WIDTH,
        initial_indent=first_indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
