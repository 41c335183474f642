"""What is 0 whatever the params are, and what only looks like it."""

import random
from fractions import Fraction

import pytest

from zerokd.equation.equation import parse_scalar
from zerokd.equation.expression import EquationError, Number, Param
from zerokd.equation.polynomial import expand, is_zero

PARAMS = frozenset("abc")


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "a - a",
        "0.1 + 0.2 - 0.3",
        "(a + b)*(a - b) - a*a + b*b",
        "(a + 1)/2 - a/2 - 0.5",
        "max(a, b) - max(a, b)",
        "1/a - 1/a",
        "0*max(a, b)",
        "a/(2 - 1) - a",
    ],
)
def test_what_cancels(text):
    assert is_zero(parse_scalar(text, PARAMS))


@pytest.mark.parametrize("text", ["a", "a - b", "a*b - a", "0.1 + 0.2 - 0.30001", "max(a, 0) - a", "a/a - 1", "1e-300"])
def test_what_does_not(text):
    assert not is_zero(parse_scalar(text, PARAMS))


def test_expansion_agrees_with_exact_arithmetic_at_random_points():
    rng = random.Random(0)
    for text in ("(a + 2*b)*(b - c)*(a - 0.5)", "a*(b + c)/4 - (a - b)*c", "-(a - (b - (c - 1)))"):
        expression = parse_scalar(text, PARAMS)
        point = {name: Fraction(rng.randint(-9, 9), rng.randint(1, 9)) for name in PARAMS}
        total = Fraction(0)
        for product, factor in expand(expression).items():
            for name in product:
                factor *= point[name]
            total += factor
        assert total == eval(text.replace("0.5", "Fraction(1, 2)"), {"Fraction": Fraction, **point})


def test_a_product_of_many_sums_is_refused_before_it_grows():
    text = "*".join(["(a + b + c + 1)"] * 60)
    with pytest.raises(EquationError, match="more than 2000 products"):
        is_zero(parse_scalar(text, PARAMS))


def test_leaves():
    assert expand(Number(0.25)) == {(): Fraction(1, 4)}
    assert expand(Param("a")) == {("a",): Fraction(1)}
