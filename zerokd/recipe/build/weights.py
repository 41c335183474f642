"""What each term of a stage weighs at every step: the equation's coefficients times the terms' own weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from attrs import evolve, frozen

from zerokd.equation.equation import Equation
from zerokd.equation.expression import EquationError, Series, format_expression, shorten
from zerokd.errors import Place, RecipeError
from zerokd.objective.term import BoundTerm
from zerokd.plugin.clock import Clock
from zerokd.recipe.build.schedules import (
    ParamValue,
    compute_step_mask,
    describe_overruns,
    evaluate_params,
    evaluate_weight,
)


@frozen(eq=False)
class StageWeights:
    """A stage's numbers, step by step: ``coefficients`` by group, ``weights`` and ``active`` by a term's label."""

    coefficients: dict[str, Series]
    weights: dict[str, Series]
    step_masks: dict[str, np.ndarray | None]

    def is_idle(self, term: BoundTerm) -> bool:
        """Whether nothing of a term is ever computed: it weighs nothing at any step, and nobody watches it."""
        return not term.monitor and not np.any(self.effective_weight(term))

    def effective_weight(self, term: BoundTerm) -> np.ndarray:
        """Coefficient x weight where the term is computed, 0 elsewhere; one number if none of it changes."""
        found = np.asarray(self.coefficients[term.group] * self.weights[term.label])
        mask = self.step_masks[term.label]
        return found if mask is None else found * mask

    def first_empty_step(self, terms: Iterable[BoundTerm]) -> int | None:
        """The first step at which no term trains."""
        trained = [np.atleast_1d(self.effective_weight(term)) > 0 for term in terms if not term.monitor]
        total = np.atleast_1d(np.any(np.broadcast_arrays(*trained), axis=0)) if trained else np.zeros(1, bool)
        gaps = np.flatnonzero(~total)
        return int(gaps[0]) if gaps.size else None


def evaluate_coefficients(
    equation: Equation, params: Mapping[str, ParamValue], clock: Clock, find_place: Callable[[str], Place]
) -> dict[str, Series]:
    """The coefficient of every group at every step; ``place`` tells where a param stands.

    Raises:
        EquationError: one is negative or not finite at some step, or 0 whatever the params are.
        RecipeError: a param does not fit the stage.
    """
    found = equation.evaluate_coefficients(
        evaluate_params(params, equation.read_params(), clock, find_place), clock.describe_step
    )
    for group, expression in equation.zero_coefficients().items():
        text = f"the coefficient of {group} is {shorten(format_expression(expression))}: 0 whatever the params are"
        raise EquationError(text, expression.column, "leave the group out of the equation")
    return found


def describe_stage_overruns(
    equation: Equation, params: Mapping[str, ParamValue], terms: Iterable[BoundTerm], clock: Clock
) -> list[str]:
    """Which schedules of a stage go on after it has ended."""
    told: dict[str, object] = {f"params.{name}": params.get(name) for name in sorted(equation.read_params())}
    told |= {f"terms.{term.label}.weight": term.weight for term in terms}
    return [text for what, value in told.items() for text in describe_overruns(what, value, clock)]


def evaluate_term_weight(term: BoundTerm, clock: Clock) -> Series:
    """A term's own weight at every step; raises RecipeError where its schedule does not fit."""
    return evaluate_weight(f"terms.{term.label}.weight", term.weight, clock)


def compute_term_step_mask(term: BoundTerm, clock: Clock) -> np.ndarray | None:
    """At which steps a term is computed; raises RecipeError where it is none."""
    try:
        return compute_step_mask(term.when, clock)
    except RecipeError as error:
        (one,) = error.problems
        raise RecipeError(evolve(one, message=f"terms.{term.label}.{one.message}")) from None
