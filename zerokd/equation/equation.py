"""The objective as the paper writes it: parsed, never evaluated as code, and reduced to one coefficient per group.

Numbers, params, groups, ``+ - * /``, parentheses, ``min`` and ``max``. It must be linear in groups. Nothing is clamped
and nothing normalised: a negative coefficient is an error, never a zero.
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
    add,
    evaluate,
    names,
    negate,
    scale,
    short,
    show,
)
from zerokd.equation.polynomial import is_zero

LONGEST = 20_000  # characters
LONGEST_PRODUCT = 100  # factors; each nests the expression one deeper
DEEPEST = 64  # nested parentheses
TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)|(?P<sign>\S))"
)


class UnknownName(EquationError):  # noqa: N818 -- reads as what happened
    """A name that is neither a param nor a group."""

    def __init__(self, name: str, column: int):
        super().__init__(f"unknown name {short(name)!r}", column)
        self.name = name


@frozen
class Linear:
    """A sum of groups with a coefficient each, and a remainder that belongs to no group."""

    groups: dict[str, Expression]
    remainder: Expression = ZERO
    column: int = 0


@frozen
class Equation:
    """A checked objective: ``coefficients`` holds one expression over params for every group it names."""

    text: str
    coefficients: dict[str, Expression]

    def at(self, params: Mapping[str, Series], tell: Callable[[int], str] = str) -> dict[str, Series]:
        """The coefficient of every group for these params: a number, or one for every step where a param changes.

        ``tell`` says a step in words.

        Raises:
            EquationError: a coefficient is negative or not finite at some step, or something is divided by zero.
        """
        found = {group: evaluate(expression, params) for group, expression in self.coefficients.items()}
        for group, series in found.items():
            values = np.atleast_1d(series)
            bad = np.flatnonzero(~((values >= 0) & np.isfinite(values)))
            if bad.size:
                raise self._refusal(group, int(bad[0]), values, params, tell if values.size > 1 else None)
        return found

    def _refusal(
        self, group: str, step: int, values: np.ndarray, params: Mapping[str, Series], tell: Callable[[int], str] | None
    ) -> EquationError:
        expression = self.coefficients[group]
        given = ", ".join(f"{name} = {at(params[name], step):g}" for name in sorted(set(names(expression))))
        text = f"the coefficient of {group} is {short(show(expression))} = {values[step]:g}"
        text += (f" with {given}" if given else "") + (f" at {tell(step)}" if tell else "")
        return EquationError(text, expression.column, "coefficients must be finite and at least 0")

    def params(self) -> set[str]:
        """The params that it reads."""
        return {name for expression in self.coefficients.values() for name in names(expression)}

    def cancelled(self) -> dict[str, Expression]:
        """The groups whose coefficient is 0 whatever the params are."""
        return {group: expression for group, expression in self.coefficients.items() if is_zero(expression)}


def at(series: Series, step: int) -> float:
    """A series' number at one step."""
    return float(series[step]) if isinstance(series, np.ndarray) else series


def parse(text: str, params: frozenset[str], groups: frozenset[str]) -> Equation:
    """Read an equation over known params and groups.

    Raises:
        EquationError: it is no equation, names something unknown, or is not linear in groups.
    """
    linear = _read(text, params, groups)
    if not linear.groups:
        raise EquationError("the equation names no group of terms", 0, f"groups: {', '.join(sorted(groups)) or 'none'}")
    if not is_zero(linear.remainder):
        text_left = short(show(linear.remainder))
        raise EquationError(f"{text_left} belongs to no group: it would train nothing", linear.remainder.column)
    return Equation(text, linear.groups)


def parse_scalar(text: str, params: frozenset[str]) -> Expression:
    """Read an expression over params alone.

    Raises:
        EquationError: it is none.
    """
    return _read(text, params, frozenset()).remainder


def _read(text: str, params: frozenset[str], groups: frozenset[str]) -> Linear:
    if len(text) > LONGEST:
        raise EquationError(f"the equation has {len(text)} characters, at most {LONGEST} are read", 0)
    parser = _Parser(text, params, groups)
    linear = parser.sum(0)
    if parser.kind != "end":
        raise parser.error(f"unexpected {short(parser.token)!r}")
    return linear


class _Parser:
    """Recursive descent; chains of one precedence are loops, so only parentheses nest."""

    def __init__(self, text: str, params: frozenset[str], groups: frozenset[str]):
        self.text, self.params, self.groups = text, params, groups
        self.end = 0
        self.advance()

    def advance(self) -> None:
        match = TOKEN.match(self.text, self.end)
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

    def sum(self, depth: int) -> Linear:
        terms = [self.product(depth)]
        while sign := self.accept("+", "-"):
            term = self.product(depth)
            terms.append(_negated(term) if sign == "-" else term)
        return _added(terms)

    def product(self, depth: int) -> Linear:
        left = self.factor(depth)
        for _ in range(LONGEST_PRODUCT):
            column = self.column
            sign = self.accept("*", "/")
            if sign is None:
                return left
            left = _scaled(left, sign, self.factor(depth), column)
        raise self.error(f"a product has more than {LONGEST_PRODUCT} factors")

    def factor(self, depth: int) -> Linear:
        column, negative = self.column, False
        while sign := self.accept("-", "+"):
            negative ^= sign == "-"
        atom = self.atom(depth, column)
        return _negated(atom) if negative else atom

    def atom(self, depth: int, column: int) -> Linear:
        token, column, kind = self.token, self.column, self.kind
        if depth > DEEPEST:
            raise self.error(f"parentheses nest deeper than {DEEPEST}")
        if kind == "number":
            self.advance()
            if math.isinf(float(token)):
                raise EquationError(f"{short(token)} is not a finite number", column)
            return Linear({}, Number(float(token), column), column)
        if self.accept("("):
            inner = self.sum(depth + 1)
            self.close()
            return inner
        if kind == "name":
            self.advance()
            return self.call(token, depth, column) if token in ("min", "max") else self.named(token, column)
        raise self.error(
            f"expected a number, a param, a group or '(', got {short(token)!r}"
            if token
            else "the equation ends too early"
        )

    def named(self, name: str, column: int) -> Linear:
        if name in self.groups:
            return Linear({name: Number(1.0, column)}, column=column)
        if name in self.params:
            return Linear({}, Param(name, column), column)
        raise UnknownName(name, column)

    def call(self, name: str, depth: int, column: int) -> Linear:
        if not self.accept("("):
            raise self.error(f"{name} needs parentheses: {name}(a, b)")
        found = [self.sum(depth + 1)]
        while self.accept(","):
            found.append(self.sum(depth + 1))
        self.close()
        if any(one.groups for one in found):
            raise EquationError(f"{name} of a group is not linear in groups", column)
        return Linear({}, Operation(name, tuple(one.remainder for one in found), column), column)

    def close(self) -> None:
        if not self.accept(")"):
            raise self.error(
                f"expected ')', got {short(self.token)!r}" if self.token else "a parenthesis is never closed"
            )


def _added(terms: list[Linear]) -> Linear:
    if len(terms) == 1:
        return terms[0]
    parts: dict[str, list[Expression]] = {}
    for term in terms:
        for group, expression in term.groups.items():
            parts.setdefault(group, []).append(expression)
    groups = {group: add(expressions) for group, expressions in parts.items()}
    return Linear(groups, add([term.remainder for term in terms]), terms[0].column)


def _negated(term: Linear) -> Linear:
    return Linear({group: negate(one) for group, one in term.groups.items()}, negate(term.remainder), term.column)


def _scaled(left: Linear, sign: str, right: Linear, column: int) -> Linear:
    if right.groups and (left.groups or sign == "/"):
        what = "a product of groups" if sign == "*" else "division by a group"
        raise EquationError(f"{what} is not linear in groups", column, "each group may be scaled by params and numbers")
    if right.groups:
        left, right = right, left
    by = right.remainder
    groups = {group: scale(one, sign, by) for group, one in left.groups.items()}
    return Linear(groups, scale(left.remainder, sign, by), left.column)
