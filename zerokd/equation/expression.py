"""Arithmetic over params, of which a group's coefficient consists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce

import numpy as np
from attrs import frozen

from zerokd.errors import did_you_mean

Series = float | np.ndarray  # a number, or an array with one for every step of a stage


class EquationError(Exception):
    """A mistake in an equation, at a ``column`` counted from 0."""

    def __init__(self, message: str, column: int, hint: str = ""):
        super().__init__(message)
        self.message, self.column, self.hint = message, column, hint

    def hints(self, known: Iterable[str], see_also: str = "") -> tuple[str, ...]:
        """What to do about it; ``known`` names may stand there, ``see_also`` says where to look for them."""
        return (self.hint,) if self.hint else ()


class UnknownNameError(EquationError):
    """A name that is neither a param nor a group."""

    def __init__(self, name: str, column: int):
        super().__init__(f"unknown name {shorten(name)!r}", column)
        self.name = name

    def hints(self, known: Iterable[str], see_also: str = "") -> tuple[str, ...]:
        return did_you_mean(self.name, known, see_also)


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
    """An operator of ``+ - * / min max`` and its operands; ``-`` negates its one operand."""

    operator: str
    operands: tuple[Expression, ...]
    column: int = 0


Expression = Number | Param | Operation


MAX_SHOWN_LENGTH = 160  # characters of a name, number or expression in a message
ZERO = Number(0.0)
ROUNDING_TOLERANCE = 4 * np.finfo(float).eps  # per operand: a sum below this share of its size is rounding error


def is_number_equal(expression: Expression, value: float) -> bool:
    return isinstance(expression, Number) and expression.value == value


def add_expressions(expressions: list[Expression]) -> Expression:
    operands = [expression for expression in expressions if not is_number_equal(expression, 0.0)]
    if not operands:
        return ZERO
    return operands[0] if len(operands) == 1 else Operation("+", tuple(operands), operands[0].column)


def negate_expression(expression: Expression) -> Expression:
    return expression if is_number_equal(expression, 0.0) else Operation("-", (expression,), expression.column)


def scale_expression(left: Expression, operator: str, right: Expression) -> Expression:
    if is_number_equal(left, 1.0) and operator == "*":
        return right
    if is_number_equal(right, 1.0) or is_number_equal(left, 0.0):
        return left
    return Operation(operator, (left, right), left.column)


def evaluate_expression(expression: Expression, params: Mapping[str, Series]) -> Series:
    """The value of an expression, or its value at every step.

    Raises:
        EquationError: a division by zero occurs, or a sum is not finite.
    """
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Param):
        return params[expression.name]
    values = [np.asarray(evaluate_expression(operand, params)) for operand in expression.operands]
    if expression.operator == "/" and not np.all(values[1]):
        raise EquationError(f"{shorten(format_expression(expression))} divides by zero", expression.column)
    with np.errstate(all="ignore"):
        value = _apply_operator(expression.operator, values)
    if expression.operator == "+" and not np.isfinite(value).all():
        raise EquationError(f"{shorten(format_expression(expression))} is not a finite number", expression.column)
    return value if value.ndim else float(value)


def _apply_operator(operator: str, values: list[np.ndarray]) -> np.ndarray:
    if operator == "+":
        total, size = sum(values), sum(map(np.abs, values))
        # 1 - 0.9 - 0.1 is -2.8e-17 in binary floating point, which is no negative coefficient
        return np.where((np.abs(total) <= len(values) * ROUNDING_TOLERANCE * size) & np.isfinite(size), 0.0, total)
    if operator == "-":
        return np.asarray(-values[0])
    if operator == "/":
        return np.asarray(values[0] / values[1])
    return np.asarray(reduce({"*": np.multiply, "min": np.minimum, "max": np.maximum}[operator], values))


def format_expression(expression: Expression) -> str:
    """The expression as text."""
    if isinstance(expression, Number):
        return f"{expression.value:g}"
    if isinstance(expression, Param):
        return expression.name
    parts = [format_expression(operand) for operand in expression.operands]
    if expression.operator in ("min", "max"):
        return f"{expression.operator}({', '.join(parts)})"
    if expression.operator == "-":
        return f"-{parts[0]}"
    if expression.operator == "+":
        return "(" + " + ".join(parts).replace("+ -", "- ") + ")"
    return f"{parts[0]} {expression.operator} {parts[1]}" if expression.operator == "/" else f"{parts[0]}*{parts[1]}"


def shorten(text: str) -> str:
    """A text for a message; of a very long one, its start and end."""
    half = MAX_SHOWN_LENGTH // 2
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[:half]} ... {text[-half:]}"


def param_names(expression: Expression) -> Iterator[str]:
    """The params that an expression reads, with repetitions."""
    if isinstance(expression, Param):
        yield expression.name
    if isinstance(expression, Operation):
        for operand in expression.operands:
            yield from param_names(operand)


def value_at_step(series: Series, step: int) -> float:
    """The number of a series at one step."""
    return float(series[step]) if isinstance(series, np.ndarray) else series
