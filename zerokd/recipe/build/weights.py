"""What each term of a stage weighs at every step: the equation's coefficients times the terms' own weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from attrs import evolve, frozen

from zerokd.equation.equation import Equation
from zerokd.equation.expression import EquationError, Series, short, show
from zerokd.errors import Place, RecipeError
from zerokd.objective.term import Term
from zerokd.plugin.clock import Clock
from zerokd.recipe.build.schedules import Changing, active, overruns, param_series, weight_series


@frozen(eq=False)
class Weighing:
    """A stage's numbers, step by step: ``coefficients`` by group, ``weights`` and ``active`` by a term's label."""

    coefficients: dict[str, Series]
    weights: dict[str, Series]
    active: dict[str, np.ndarray | None]

    def idle(self, term: Term) -> bool:
        """Whether nothing of a term is ever computed: it weighs nothing at any step, and nobody watches it."""
        return not term.monitor and not np.any(self.effective(term))

    def effective(self, term: Term) -> np.ndarray:
        """Coefficient x weight where the term is computed, 0 elsewhere; one number if none of it changes."""
        found = np.asarray(self.coefficients[term.group] * self.weights[term.label])
        mask = self.active[term.label]
        return found if mask is None else found * mask

    def empty_step(self, terms: Iterable[Term]) -> int | None:
        """The first step at which no term trains."""
        trained = [np.atleast_1d(self.effective(term)) > 0 for term in terms if not term.monitor]
        total = np.atleast_1d(np.any(np.broadcast_arrays(*trained), axis=0)) if trained else np.zeros(1, bool)
        gaps = np.flatnonzero(~total)
        return int(gaps[0]) if gaps.size else None


def coefficients(
    equation: Equation, params: Mapping[str, Changing], clock: Clock, place: Callable[[str], Place]
) -> dict[str, Series]:
    """The coefficient of every group at every step; ``place`` tells where a param stands.

    Raises:
        EquationError: one is negative or not finite at some step, or 0 whatever the params are.
        RecipeError: a param does not fit the stage.
    """
    found = equation.at(param_series(params, equation.params(), clock, place), clock.tell)
    for group, expression in equation.cancelled().items():
        text = f"the coefficient of {group} is {short(show(expression))}: 0 whatever the params are"
        raise EquationError(text, expression.column, "leave the group out of the equation")
    return found


def late_moments(equation: Equation, params: Mapping[str, Changing], terms: Iterable[Term], clock: Clock) -> list[str]:
    """Which schedules of a stage go on after it has ended."""
    told: dict[str, object] = {f"params.{name}": params.get(name) for name in sorted(equation.params())}
    told |= {f"terms.{term.label}.weight": term.weight for term in terms}
    return [text for what, value in told.items() for text in overruns(what, value, clock)]


def term_weight(term: Term, clock: Clock) -> Series:
    """A term's own weight at every step; raises RecipeError where its schedule does not fit."""
    return weight_series(f"terms.{term.label}.weight", term.weight, clock)


def term_steps(term: Term, clock: Clock) -> np.ndarray | None:
    """At which steps a term is computed; raises RecipeError where it is none."""
    try:
        return active(term.when, clock)
    except RecipeError as fault:
        (one,) = fault.problems
        raise RecipeError(evolve(one, message=f"terms.{term.label}.{one.message}")) from None
