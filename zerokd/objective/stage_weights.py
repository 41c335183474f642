"""The weights of a stage's terms at every step: the coefficients of its equation times the terms' own weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from attrs import evolve, frozen

from zerokd.equation.equation import Equation
from zerokd.equation.expression import EquationError, Series, format_expression, shorten
from zerokd.errors import Place, RecipeError
from zerokd.objective.schedules import (
    ParamValue,
    compute_step_mask,
    describe_overruns,
    evaluate_params,
    evaluate_weight,
)
from zerokd.objective.term import BoundTerm
from zerokd.objective.weights import effective_weight
from zerokd.plugin.clock import Clock


@frozen(eq=False)
class StageWeights:
    """``coefficients`` by group; ``weights`` and ``step_masks`` (None: every step) by the label of a term."""

    coefficients: dict[str, Series]
    weights: dict[str, Series]
    step_masks: dict[str, np.ndarray | None]

    def is_idle(self, term: BoundTerm) -> bool:
        """Whether no step computes the term: its weight is always 0, and the recipe does not monitor it."""
        return not term.monitor and not np.any(self.effective_weight(term))

    def effective_weight(self, term: BoundTerm) -> Series:
        """The weight of a term in the objective at every step."""
        return effective_weight(self.coefficients[term.group], self.weights[term.label], self.step_masks[term.label])

    def first_empty_step(self, terms: Iterable[BoundTerm]) -> int | None:
        """The first step that trains no term."""
        trained = [np.atleast_1d(self.effective_weight(term)) > 0 for term in terms if not term.monitor]
        any_trained = np.atleast_1d(np.any(np.broadcast_arrays(*trained), axis=0)) if trained else np.zeros(1, bool)
        gaps = np.flatnonzero(~any_trained)
        return int(gaps[0]) if gaps.size else None


def evaluate_coefficients(
    equation: Equation, params: Mapping[str, ParamValue], clock: Clock, find_place: Callable[[str], Place]
) -> dict[str, Series]:
    """The coefficient of every group at every step; ``find_place`` locates a param.

    Raises:
        EquationError: a coefficient is negative or not finite at some step, or 0 whatever the params are.
        RecipeError: a param does not fit the stage.
    """
    coefficients = equation.evaluate_coefficients(
        evaluate_params(params, equation.read_params(), clock, find_place), clock.describe_step
    )
    for group, expression in equation.zero_coefficients().items():
        text = f"the coefficient of {group} is {shorten(format_expression(expression))}: 0 whatever the params are"
        raise EquationError(text, expression.column, "leave the group out of the equation")
    return coefficients


def describe_stage_overruns(
    equation: Equation, params: Mapping[str, ParamValue], terms: Iterable[BoundTerm], clock: Clock
) -> list[str]:
    """One line for every moment of a schedule that comes after the end of the stage."""
    values: dict[str, object] = {f"params.{name}": params.get(name) for name in sorted(equation.read_params())}
    values |= {f"terms.{term.label}.weight": term.weight for term in terms}
    return [text for label, value in values.items() for text in describe_overruns(label, value, clock)]


def evaluate_term_weight(term: BoundTerm, clock: Clock) -> Series:
    """The term's own weight at every step.

    Raises:
        RecipeError: its schedule does not fit the stage.
    """
    return evaluate_weight(f"terms.{term.label}.weight", term.weight, clock)


def compute_term_step_mask(term: BoundTerm, clock: Clock) -> np.ndarray | None:
    """The steps that compute the term; None for every step.

    Raises:
        RecipeError: no step does.
    """
    try:
        return compute_step_mask(term.when, clock)
    except RecipeError as error:
        (problem,) = error.problems
        raise RecipeError(evolve(problem, message=f"terms.{term.label}.{problem.message}")) from None
