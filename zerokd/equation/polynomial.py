"""Whether an expression is 0 for all params: expanded into a sum of products in exact fractions."""

from __future__ import annotations

from fractions import Fraction

from zerokd.equation.expression import EquationError, Expression, Number, Param

MAX_PRODUCTS = 2_000  # of one sum
Product = tuple[str, ...]  # sorted names of params and opaque parts; a power repeats its base
Polynomial = dict[Product, Fraction]


def is_zero(expression: Expression) -> bool:
    """Whether an expression is 0 for all params.

    ``min``, ``max`` and division by a param are opaque: equal only to themselves.

    Raises:
        EquationError: the expanded expression has too many products.
    """
    return not expand(expression)


def expand(expression: Expression) -> Polynomial:
    """The expression as a sum of products, without those that cancel."""
    if isinstance(expression, Number):
        return _drop_zeros({(): Fraction(repr(expression.value))})
    if isinstance(expression, Param):
        return {(expression.name,): Fraction(1)}
    parts = [expand(operand) for operand in expression.operands]
    if expression.operator == "-":
        return {product: -factor for product, factor in parts[0].items()}
    if expression.operator == "+":
        return _add_polynomials(parts)
    if expression.operator == "*":
        return _multiply_polynomials(parts[0], parts[1], expression.column)
    if expression.operator == "/":
        return _multiply_polynomials(parts[0], _invert(parts[1]), expression.column)
    return {(f"{expression.operator}({', '.join(map(_format_polynomial, parts))})",): Fraction(1)}


def _add_polynomials(parts: list[Polynomial]) -> Polynomial:
    total: Polynomial = {}
    for part in parts:
        for product, factor in part.items():
            total[product] = total.get(product, Fraction(0)) + factor
    return _drop_zeros(total)


def _multiply_polynomials(left: Polynomial, right: Polynomial, column: int) -> Polynomial:
    if len(left) * len(right) > MAX_PRODUCTS:
        raise EquationError(
            f"expanded, the equation has more than {MAX_PRODUCTS} products", column, "name parts by params"
        )
    total: Polynomial = {}
    for first, factor in left.items():
        for second, other_factor in right.items():
            product = tuple(sorted(first + second))
            total[product] = total.get(product, Fraction(0)) + factor * other_factor
    return _drop_zeros(total)


def _invert(divisor: Polynomial) -> Polynomial:
    if divisor.keys() == {()}:
        return {(): 1 / divisor[()]}
    return {(f"1/({_format_polynomial(divisor)})",): Fraction(1)}


def _format_polynomial(polynomial: Polynomial) -> str:
    return " + ".join(f"{factor}*{'*'.join(product)}" for product, factor in sorted(polynomial.items()))


def _drop_zeros(polynomial: Polynomial) -> Polynomial:
    return {product: factor for product, factor in polynomial.items() if factor}
