"""The objectives of a study: numbers in a finished run's result, each with the direction that is better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from zerokd.errors import Problem, RecipeError, did_you_mean
from zerokd.objective.models import STUDENT
from zerokd.recipe.build.components import Components
from zerokd.run.records import RunResult

FIDELITY = "fidelity"  # PSNR of the student to the first frozen model, dB


@frozen
class Goal:
    """A number of a run's result, by name; ``higher`` or lower is better."""

    name: str
    higher: bool
    unit: str = ""

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """What Optuna calls it."""
        return "maximize" if self.higher else "minimize"

    def format_value(self, value: float) -> str:
        """Four digits and the unit."""
        return f"{value:.4g} {self.unit}".rstrip()


def select_goals(components: Components, requested: Sequence[str]) -> list[Goal]:
    """The requested goals in their order; by default all that the recipe defines.

    Raises:
        RecipeError: the recipe defines no goal of such a name, or none at all.
    """
    known = {FIDELITY: Goal(FIDELITY, True, "dB")} if set(components.models) - {STUDENT} else {}
    for bound in components.metrics:
        known[bound.name] = Goal(bound.name, bound.metric.better == "higher", bound.metric.unit)
    unknown = next((name for name in requested if name not in known), None)
    if unknown or not known:
        hint = "goals are fidelity (needs a teacher) and the recipe's metrics: [metrics.NAME]"
        text = f"no goal {unknown!r}" if unknown else "the recipe defines no goal for a sweep"
        hints = (*did_you_mean(unknown, known), hint) if unknown else (hint,)
        raise RecipeError(Problem(text, hints=hints, code="setting"))
    return [known[name] for name in requested or known]


def objective_values(goals: Sequence[Goal], result: RunResult) -> list[float | None]:
    """The values of the goals in the result of a run; None where a metric failed."""
    fidelity = [value for key, value in result["fidelity"].items() if key.startswith(f"{STUDENT} to ")]
    metrics = {name: metric["value"] for name, metric in result.get("metrics", {}).items()}
    known = {**dict(zip([FIDELITY], fidelity, strict=False)), **metrics}
    return [known[goal.name] for goal in goals]


def pareto_front_indices(goals: Sequence[Goal], rows: Sequence[Sequence[float]]) -> list[int]:
    """The rows that no other row dominates, the best in the first goal first."""
    signed = [[value if goal.higher else -value for goal, value in zip(goals, row, strict=True)] for row in rows]
    front = [n for n, row in enumerate(signed) if not any(_dominates(other, row) for other in signed)]
    return sorted(front, key=lambda n: (-signed[n][0], n))


def _dominates(row: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(row, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
