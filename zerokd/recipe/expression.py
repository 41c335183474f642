"""Arithmetic over params: what a group's coefficient is made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from attrs import frozen


class EquationError(Exception):
    """A mistake in an equation; ``column`` counts its characters from 0."""

    def __init__(self, message: str, column: int, hint: str = ""):
        super().__init__(message)
        self.message, self.column, self.hint = message, column, hint


@frozen
class Number:
    value: float
    column: int = 0


@frozen
class Param:
    name: str
    column: int = 0


@frozen
class Operation:
    """``sign`` is one of ``+ - * / min max``; ``-`` with one operand negates."""

    sign: str
    operands: tuple[Expression, ...]
    column: int = 0


Expression = Number | Param | Operation


LONGEST = 160  # characters of a name, number or expression in a message
ZERO = Number(0.0)
OPERATIONS: dict[str, Callable[[list[float]], float]] = {
    "+": math.fsum,
    "-": lambda values: -values[0],
    "*": math.prod,
    "/": lambda values: values[0] / values[1],
    "min": min,
    "max": max,
}


def is_number(expression: Expression, value: float) -> bool:
    return isinstance(expression, Number) and expression.value == value


def add(expressions: list[Expression]) -> Expression:
    kept = [one for one in expressions if not is_number(one, 0.0)]
    if not kept:
        return ZERO
    return kept[0] if len(kept) == 1 else Operation("+", tuple(kept), kept[0].column)


def negate(expression: Expression) -> Expression:
    return expression if is_number(expression, 0.0) else Operation("-", (expression,), expression.column)


def scale(left: Expression, sign: str, right: Expression) -> Expression:
    if is_number(left, 1.0) and sign == "*":
        return right
    if is_number(right, 1.0) or is_number(left, 0.0):
        return left
    return Operation(sign, (left, right), left.column)


def evaluate(expression: Expression, params: Mapping[str, float]) -> float:
    """The expression's number."""
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Param):
        return params[expression.name]
    values = [evaluate(one, params) for one in expression.operands]
    if expression.sign == "/" and values[1] == 0:
        raise EquationError(f"{short(show(expression))} divides by zero", expression.column)
    try:
        return OPERATIONS[expression.sign](values)
    except (OverflowError, ValueError):  # of math.fsum, for numbers near the largest there is
        raise EquationError(f"{short(show(expression))} is not a finite number", expression.column) from None


def show(expression: Expression) -> str:
    """The expression as one would write it."""
    if isinstance(expression, Number):
        return f"{expression.value:g}"
    if isinstance(expression, Param):
        return expression.name
    parts = [show(one) for one in expression.operands]
    if expression.sign in ("min", "max"):
        return f"{expression.sign}({', '.join(parts)})"
    if expression.sign == "-":
        return f"-{parts[0]}"
    if expression.sign == "+":
        return "(" + " + ".join(parts).replace("+ -", "- ") + ")"
    return f"{parts[0]} {expression.sign} {parts[1]}" if expression.sign == "/" else f"{parts[0]}*{parts[1]}"


def short(text: str) -> str:
    """A text for a message: of a very long one its start and its end."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


def names(expression: Expression) -> Iterator[str]:
    if isinstance(expression, Param):
        yield expression.name
    if isinstance(expression, Operation):
        for one in expression.operands:
            yield from names(one)
