"""What a sweep looks for: numbers that a finished run says of itself, each with the way that is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from attrs import frozen

from zerokd.errors import Problem, RecipeError, did_you_mean
from zerokd.objective.models import STUDENT
from zerokd.recipe.build.components import Components

FIDELITY = "fidelity"  # PSNR of the student to the first frozen model, dB


@frozen
class Goal:
    """A number of a run's result. ``higher`` is better, or lower."""

    name: str
    higher: bool
    unit: str = ""

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        return "maximize" if self.higher else "minimize"


def select_goals(components: Components, requested: Sequence[str]) -> list[Goal]:
    """The goals that are asked for, in that order; by default all that the recipe has.

    Raises:
        RecipeError: it has no goal of such a name, or none at all.
    """
    known = {FIDELITY: Goal(FIDELITY, True, "dB")} if set(components.models) - {STUDENT} else {}
    for measure in components.metrics:
        known[measure.name] = Goal(measure.name, measure.metric.better == "higher", measure.metric.unit)
    unknown = next((name for name in requested if name not in known), None)
    if unknown or not known:
        hint = "goals are fidelity, where there is a teacher, and the metrics of the recipe: [metrics.NAME]"
        text = f"no goal {unknown!r}" if unknown else "the recipe has nothing that a sweep could look for"
        hints = (*did_you_mean(unknown, known), hint) if unknown else (hint,)
        raise RecipeError(Problem(text, hints=hints, code="setting"))
    return [known[name] for name in requested or known]


def objective_values(goals: Sequence[Goal], result: Mapping[str, Any]) -> list[float | None]:
    """The goals' numbers in the result of a run's manifest; None where a metric failed."""
    fidelity = [value for key, value in result["fidelity"].items() if key.startswith(f"{STUDENT} to ")]
    metrics = {name: one["value"] for name, one in result.get("metrics", {}).items()}
    known = {**dict(zip([FIDELITY], fidelity, strict=False)), **metrics}
    return [known[goal.name] for goal in goals]


def pareto_front_indices(goals: Sequence[Goal], rows: Sequence[Sequence[float]]) -> list[int]:
    """Rows that no other one beats in every goal, the best in the first goal first."""
    signed = [[value if goal.higher else -value for goal, value in zip(goals, row, strict=True)] for row in rows]
    kept = [n for n, row in enumerate(signed) if not any(_dominates(other, row) for other in signed)]
    return sorted(kept, key=lambda n: (-signed[n][0], n))


def _dominates(row: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(row, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
