"""The objective as a paper writes it: parsed, never evaluated as code, and reduced to one coefficient per group.

It has numbers, params, groups, ``+ - * /``, parentheses, ``min`` and ``max``, and must be linear in groups. Nothing is
clamped or normalised: a negative coefficient is an error, never a zero.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

import numpy as np
from attrs import frozen

from zerokd.equation.expression import (
    ZERO,
    EquationError,
    Expression,
    Number,
    Operation,
    Param,
    Series,
    UnknownNameError,
    add_expressions,
    evaluate_expression,
    format_expression,
    negate_expression,
    param_names,
    scale_expression,
    shorten,
    value_at_step,
)
from zerokd.equation.polynomial import is_zero

MAX_EQUATION_LENGTH = 20_000  # characters
MAX_FACTORS = 100  # of a product; each nests the expression one level deeper
MAX_PARENTHESES_DEPTH = 64
EQUATION_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)|(?P<sign>\S))"
)


@frozen
class LinearCombination:
    """A sum of groups, each with a coefficient, and a remainder that belongs to no group."""

    groups: dict[str, Expression]
    remainder: Expression = ZERO
    column: int = 0


@frozen
class Equation:
    """A valid objective: ``coefficients`` holds an expression over params for every group that it names."""

    text: str
    coefficients: dict[str, Expression]

    def evaluate_coefficients(
        self, params: Mapping[str, Series], format_step: Callable[[int], str] = str
    ) -> dict[str, Series]:
        """The coefficient of every group for these params: a number, or an array over steps if a param changes.

        Raises:
            EquationError: a coefficient is negative or not finite at some step, or a division by zero occurs.
        """
        coefficients = {group: evaluate_expression(formula, params) for group, formula in self.coefficients.items()}
        for group, series in coefficients.items():
            values = np.atleast_1d(series)
            bad_steps = np.flatnonzero(~((values >= 0) & np.isfinite(values)))
            for step in bad_steps[:1].tolist():
                at_step = f" at {format_step(step)}" if values.size > 1 else ""
                raise self._coefficient_error(group, step, values[step], params, at_step)
        return coefficients

    def _coefficient_error(
        self, group: str, step: int, value: float, params: Mapping[str, Series], at_step: str
    ) -> EquationError:
        expression = self.coefficients[group]
        names = set(param_names(expression))
        values = ", ".join(f"{name} = {value_at_step(params[name], step):g}" for name in sorted(names))
        text = f"the coefficient of {group} is {shorten(format_expression(expression))} = {value:g}"
        text += (f" with {values}" if values else "") + at_step
        return EquationError(text, expression.column, "coefficients must be finite and at least 0")

    def read_params(self) -> set[str]:
        """The params that the equation reads."""
        return {name for expression in self.coefficients.values() for name in param_names(expression)}

    def zero_coefficients(self) -> dict[str, Expression]:
        """The coefficients that are 0 for all params, by group."""
        return {group: expression for group, expression in self.coefficients.items() if is_zero(expression)}


def parse_equation(text: str, params: frozenset[str], groups: frozenset[str]) -> Equation:
    """Parse an equation over known params and groups.

    Raises:
        EquationError: the text is no equation, has an unknown name, or is not linear in groups.
    """
    linear = _parse_linear(text, params, groups)
    if not linear.groups:
        raise EquationError("the equation names no group of terms", 0, f"groups: {', '.join(sorted(groups)) or 'none'}")
    if not is_zero(linear.remainder):
        remainder = shorten(format_expression(linear.remainder))
        raise EquationError(f"{remainder} belongs to no group: it would train nothing", linear.remainder.column)
    return Equation(text, linear.groups)


def parse_scalar(text: str, params: frozenset[str]) -> Expression:
    """Parse an expression over params alone.

    Raises:
        EquationError: the text is no such expression.
    """
    return _parse_linear(text, params, frozenset()).remainder


def _parse_linear(text: str, params: frozenset[str], groups: frozenset[str]) -> LinearCombination:
    if len(text) > MAX_EQUATION_LENGTH:
        raise EquationError(f"the equation has {len(text)} characters, the limit is {MAX_EQUATION_LENGTH}", 0)
    parser = _Parser(text, params, groups)
    linear = parser.parse_sum(0)
    if parser.kind != "end":
        raise parser.error(f"unexpected {shorten(parser.token)!r}")
    return linear


class _Parser:
    """A recursive descent parser. Chains of equal precedence are loops, so only parentheses nest."""

    def __init__(self, text: str, params: frozenset[str], groups: frozenset[str]):
        self.text, self.params, self.groups = text, params, groups
        self.end = 0
        self.advance()

    def advance(self) -> None:
        match = EQUATION_TOKEN.match(self.text, self.end)
        if match is None:
            self.kind, self.token, self.column = "end", "", len(self.text)
            return
        self.kind, self.end = match.lastgroup or "", match.end()
        self.token, self.column = match[self.kind], match.start(self.kind)

    def error(self, message: str, hint: str = "") -> EquationError:
        return EquationError(message, self.column, hint)

    def accept(self, *tokens: str) -> str | None:
        token = self.token
        if self.kind in ("sign", "name") and token in tokens:
            self.advance()
            return token
        return None

    def parse_sum(self, depth: int) -> LinearCombination:
        terms = [self.parse_product(depth)]
        while sign := self.accept("+", "-"):
            term = self.parse_product(depth)
            terms.append(_negate_linear(term) if sign == "-" else term)
        return _add_linear(terms)

    def parse_product(self, depth: int) -> LinearCombination:
        left = self.parse_factor(depth)
        for _ in range(MAX_FACTORS):
            column = self.column
            sign = self.accept("*", "/")
            if sign is None:
                return left
            left = _scale_linear(left, sign, self.parse_factor(depth), column)
        raise self.error(f"a product has more than {MAX_FACTORS} factors")

    def parse_factor(self, depth: int) -> LinearCombination:
        column, negative = self.column, False
        while sign := self.accept("-", "+"):
            negative ^= sign == "-"
        atom = self.parse_atom(depth, column)
        return _negate_linear(atom) if negative else atom

    def parse_atom(self, depth: int, column: int) -> LinearCombination:
        token, column, kind = self.token, self.column, self.kind
        if depth > MAX_PARENTHESES_DEPTH:
            raise self.error(f"parentheses nest deeper than {MAX_PARENTHESES_DEPTH}")
        if kind == "number":
            self.advance()
            if math.isinf(float(token)):
                raise EquationError(f"{shorten(token)} is not a finite number", column)
            return LinearCombination({}, Number(float(token), column), column)
        if self.accept("("):
            inner = self.parse_sum(depth + 1)
            self.expect_closing_parenthesis()
            return inner
        if kind == "name":
            self.advance()
            return self.parse_call(token, depth, column) if token in ("min", "max") else self.parse_name(token, column)
        raise self.error(
            f"expected a number, a param, a group or '(', got {shorten(token)!r}"
            if token
            else "the equation ends too early"
        )

    def parse_name(self, name: str, column: int) -> LinearCombination:
        if name in self.groups:
            return LinearCombination({name: Number(1.0, column)}, column=column)
        if name in self.params:
            return LinearCombination({}, Param(name, column), column)
        raise UnknownNameError(name, column)

    def parse_call(self, name: str, depth: int, column: int) -> LinearCombination:
        if not self.accept("("):
            raise self.error(f"{name} needs parentheses: {name}(a, b)")
        arguments = [self.parse_sum(depth + 1)]
        while self.accept(","):
            arguments.append(self.parse_sum(depth + 1))
        self.expect_closing_parenthesis()
        if any(argument.groups for argument in arguments):
            raise EquationError(f"{name} of a group is not linear in groups", column)
        return LinearCombination(
            {}, Operation(name, tuple(argument.remainder for argument in arguments), column), column
        )

    def expect_closing_parenthesis(self) -> None:
        if not self.accept(")"):
            raise self.error(
                f"expected ')', got {shorten(self.token)!r}" if self.token else "a parenthesis is never closed"
            )


def _add_linear(terms: list[LinearCombination]) -> LinearCombination:
    if len(terms) == 1:
        return terms[0]
    parts: dict[str, list[Expression]] = {}
    for term in terms:
        for group, expression in term.groups.items():
            parts.setdefault(group, []).append(expression)
    groups = {group: add_expressions(expressions) for group, expressions in parts.items()}
    return LinearCombination(groups, add_expressions([term.remainder for term in terms]), terms[0].column)


def _negate_linear(term: LinearCombination) -> LinearCombination:
    return LinearCombination(
        {group: negate_expression(coefficient) for group, coefficient in term.groups.items()},
        negate_expression(term.remainder),
        term.column,
    )


def _scale_linear(left: LinearCombination, operator: str, right: LinearCombination, column: int) -> LinearCombination:
    if right.groups and (left.groups or operator == "/"):
        operation = "a product of groups" if operator == "*" else "division by a group"
        raise EquationError(
            f"{operation} is not linear in groups", column, "each group may be scaled by params and numbers"
        )
    if right.groups:
        left, right = right, left
    factor = right.remainder
    groups = {group: scale_expression(coefficient, operator, factor) for group, coefficient in left.groups.items()}
    return LinearCombination(groups, scale_expression(left.remainder, operator, factor), left.column)
