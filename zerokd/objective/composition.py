"""An objective that is written in Python, resolved into the records that it computes from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from zerokd.equation.equation import Equation, parse_equation, parse_scalar
from zerokd.equation.expression import EquationError, Series
from zerokd.errors import Place, Problem, RecipeError, ZerokdError, combine_errors
from zerokd.objective.declaration import Number, Term
from zerokd.objective.schedules import ParamValue, find_param_cycle, find_used_params
from zerokd.objective.stage_plan import ObjectivePlan
from zerokd.objective.stage_weights import (
    StageWeights,
    compute_term_step_mask,
    evaluate_coefficients,
    evaluate_term_weight,
)
from zerokd.objective.term import BoundTerm
from zerokd.objective.term_builder import TermBuilder
from zerokd.objective.view import BoundView, View, find_view_cycle, select_input_names
from zerokd.plugin.clock import Clock


def compose_plan(
    equation: str,
    terms: Mapping[str, Term],
    params: Mapping[str, Number | str],
    signals: Mapping[str, View],
    clock: Clock | None,
    name: str,
    place: Place,
) -> ObjectivePlan:
    """Resolve an objective that is written in Python.

    ``clock`` may be None where nothing changes with the step.

    Raises:
        ZerokdError: with every problem of names, options, bindings, the equation and weights, each at its line.
    """
    composer = _Composer(clock, place)
    plan = composer.compose(equation, terms, params, signals, name)
    if composer.errors:
        raise combine_errors(composer.errors)
    assert plan is not None
    return plan


class _Composer(TermBuilder):
    def compose(
        self,
        text: str,
        terms: Mapping[str, Term],
        params: Mapping[str, Number | str],
        signals: Mapping[str, View],
        name: str,
    ) -> ObjectivePlan | None:
        values, views = self.read_params(params), self.read_views(signals)
        bound = [term for label, declared in terms.items() if (term := self.bind(label, declared)) is not None]
        parsed = self.read_equation(text, {label.partition(".")[0] for label in terms}, values, params)
        if parsed is None or self.errors:
            return None
        equation, coefficients = parsed
        for group in sorted({term.group for term in bound} - equation.coefficients.keys()):
            hint = "use the group in the equation, or leave its terms out"
            self.report(f"no equation uses the group {group!r}", self.place, hint, code="equation")
        for param in sorted(values.keys() - find_used_params(equation, values)):
            hint = "use it in the equation, or leave it out"
            self.report(f"the equation uses no param {param!r}", self.place, hint, code="equation")
        weights = self.weigh(bound, coefficients)
        idle = [term for term in bound if weights.is_idle(term)]
        gap = weights.first_empty_step(bound)
        if gap is not None and not self.errors:
            step = f" at {self.clock.describe_step(gap)}" if self.given_clock else ""
            self.report(f"the objective trains on nothing: every weight is 0{step}", self.place, code="equation")
        return ObjectivePlan(
            name=name,
            equation=equation,
            clock=self.clock,
            coefficients=coefficients,
            weights=weights.weights,
            step_masks=weights.step_masks,
            terms=tuple(term for term in bound if term not in idle),
            idle_terms=tuple(term.label for term in idle),
            place=self.place,
            params=values,
            unused_terms=tuple(idle),
            views={name: view for name, view in views.items() if name in select_input_names(bound, views)},
        )

    def read_views(self, signals: Mapping[str, View]) -> dict[str, BoundView]:
        """The declared views, as far as they have no error."""
        views = {name: view for name, declared in signals.items() if (view := self.bind_view(name, declared))}
        cycle = find_view_cycle(views)
        if cycle:
            text = f"signals are computed from each other in a circle: {' -> '.join(cycle)}"
            self.report(text, views[cycle[0]].place, code="unknown-signal")
        return {} if cycle else views

    def read_params(self, params: Mapping[str, Number | str]) -> dict[str, ParamValue]:
        """Numbers, schedules, and expressions over other params (text)."""
        values: dict[str, ParamValue] = {}
        for name, value in params.items():
            if not name.isidentifier() or name in ("min", "max"):
                self.report(f"{name!r} cannot name a param", self.place, "use a Python identifier", code="equation")
            elif isinstance(value, str):
                try:
                    values[name] = parse_scalar(value, frozenset(params))
                except EquationError as error:
                    self.report(f"params[{name!r}]: {error.message}", self.place, *error.hints(params), code="equation")
            elif (number := self.read_number(f"params[{name!r}]", value, self.place)) is not None:
                values[name] = number
        cycle = find_param_cycle(values)
        if cycle:
            self.report(f"params depend on each other in a cycle: {' -> '.join(cycle)}", self.place, code="equation")
        return values

    def read_equation(
        self, text: str, groups: Collection[str], values: Mapping[str, ParamValue], params: Mapping[str, object]
    ) -> tuple[Equation, dict[str, Series]] | None:
        try:
            equation = parse_equation(text, frozenset(params), frozenset(groups))
            if params.keys() == values.keys():
                return equation, evaluate_coefficients(equation, values, self.clock, lambda _: self.place)
        except EquationError as error:
            known = {*params, *groups}
            marker = f"{text}\n{' ' * error.column}^"
            self.report(f"equation: {error.message}", self.place, marker, *error.hints(known), code="equation")
        except ZerokdError as error:
            self.errors.append(error.with_place(self.place))
        return None

    def weigh(self, terms: Sequence[BoundTerm], coefficients: dict[str, Series]) -> StageWeights:
        weights: dict[str, Series] = {}
        masks: dict[str, np.ndarray | None] = {}
        for term in terms:
            weights[term.label], masks[term.label] = 1.0, None
            try:
                weights[term.label] = evaluate_term_weight(term, self.clock)
                masks[term.label] = compute_term_step_mask(term, self.clock)
            except (ZerokdError, ValueError) as error:
                known = error if isinstance(error, ZerokdError) else RecipeError(Problem(f"{term.label}: {error}"))
                self.errors.append(known.with_place(term.place))
        return StageWeights(coefficients, weights, masks)
