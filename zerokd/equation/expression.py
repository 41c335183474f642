"""Arithmetic over params: what a group's coefficient is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce

import numpy as np
from attrs import frozen

Series = float | np.ndarray  # a number, or one number for every step of a stage


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
ROUNDING = 4 * np.finfo(float).eps  # a sum smaller than this share of its parts, each, is rounding alone


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


def evaluate(expression: Expression, params: Mapping[str, Series]) -> Series:
    """The expression's number, or its number at every step.

    Raises:
        EquationError: something is divided by zero, or a sum is not finite.
    """
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Param):
        return params[expression.name]
    values = [np.asarray(evaluate(one, params)) for one in expression.operands]
    if expression.sign == "/" and not np.all(values[1]):
        raise EquationError(f"{short(show(expression))} divides by zero", expression.column)
    with np.errstate(all="ignore"):
        value = _operate(expression.sign, values)
    if expression.sign == "+" and not np.isfinite(value).all():
        raise EquationError(f"{short(show(expression))} is not a finite number", expression.column)
    return value if value.ndim else float(value)


def _operate(sign: str, values: list[np.ndarray]) -> np.ndarray:
    if sign == "+":
        total, size = sum(values), sum(map(np.abs, values))
        # 1 - 0.9 - 0.1 is -2.8e-17 in binary numbers; nobody wrote a negative coefficient there
        return np.where((np.abs(total) <= len(values) * ROUNDING * size) & np.isfinite(size), 0.0, total)
    if sign == "-":
        return np.asarray(-values[0])
    if sign == "/":
        return np.asarray(values[0] / values[1])
    return np.asarray(reduce({"*": np.multiply, "min": np.minimum, "max": np.maximum}[sign], values))


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
