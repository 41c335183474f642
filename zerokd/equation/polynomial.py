"""Is an expression 0 whatever its params are? Its expanded sum of products says so, in exact fractions."""

from __future__ import annotations

from fractions import Fraction

from zerokd.equation.expression import EquationError, Expression, Number, Param

LARGEST = 2_000  # products in one sum
Product = tuple[str, ...]  # params and opaque parts, sorted; a power repeats its base
Polynomial = dict[Product, Fraction]


def is_zero(expression: Expression) -> bool:
    """Whether it is 0 for all params. ``min``, ``max`` and division by a param are opaque: equal only to themselves.

    Raises:
        EquationError: expanded, it has too many products.
    """
    return not expand(expression)


def expand(expression: Expression) -> Polynomial:
    """The expression as a sum of products, those that cancel left out."""
    if isinstance(expression, Number):
        return _kept({(): Fraction(repr(expression.value))})
    if isinstance(expression, Param):
        return {(expression.name,): Fraction(1)}
    parts = [expand(one) for one in expression.operands]
    if expression.sign == "-":
        return {product: -factor for product, factor in parts[0].items()}
    if expression.sign == "+":
        return _sum(parts)
    if expression.sign == "*":
        return _product(parts[0], parts[1], expression.column)
    if expression.sign == "/":
        return _product(parts[0], _inverse(parts[1]), expression.column)
    return {(f"{expression.sign}({', '.join(map(_text, parts))})",): Fraction(1)}


def _sum(parts: list[Polynomial]) -> Polynomial:
    total: Polynomial = {}
    for part in parts:
        for product, factor in part.items():
            total[product] = total.get(product, Fraction(0)) + factor
    return _kept(total)


def _product(left: Polynomial, right: Polynomial, column: int) -> Polynomial:
    if len(left) * len(right) > LARGEST:
        raise EquationError(f"expanded, the equation has more than {LARGEST} products", column, "name parts by params")
    total: Polynomial = {}
    for one, first in left.items():
        for other, second in right.items():
            product = tuple(sorted(one + other))
            total[product] = total.get(product, Fraction(0)) + first * second
    return _kept(total)


def _inverse(divisor: Polynomial) -> Polynomial:
    if divisor.keys() == {()}:
        return {(): 1 / divisor[()]}
    return {(f"1/({_text(divisor)})",): Fraction(1)}


def _text(part: Polynomial) -> str:
    return " + ".join(f"{factor}*{'*'.join(product)}" for product, factor in sorted(part.items()))


def _kept(total: Polynomial) -> Polynomial:
    return {product: factor for product, factor in total.items() if factor}
