"""Coefficients as arithmetic."""

import pytest

from zerokd.equation.expression import (
    LONGEST,
    ZERO,
    EquationError,
    Number,
    Operation,
    Param,
    add,
    evaluate,
    names,
    negate,
    scale,
    short,
    show,
)

ALPHA, HALF, ONE = Param("alpha"), Number(0.5), Number(1.0)


@pytest.mark.parametrize(
    ("expression", "text", "value"),
    [
        (add([ONE, negate(ALPHA)]), "(1 - alpha)", 0.75),
        (scale(ALPHA, "*", HALF), "alpha*0.5", 0.125),
        (scale(ALPHA, "/", HALF), "alpha / 0.5", 0.5),
        (Operation("max", (ALPHA, HALF)), "max(alpha, 0.5)", 0.5),
        (negate(add([ALPHA, HALF])), "-(alpha + 0.5)", -0.75),
    ],
)
def test_shown_as_written_and_worth_what_arithmetic_says(expression, text, value):
    assert show(expression) == text
    assert evaluate(expression, {"alpha": 0.25}) == pytest.approx(value)
    assert set(names(expression)) == {"alpha"}


def test_neutral_elements_vanish():
    assert add([ZERO, ALPHA, ZERO]) == ALPHA
    assert add([]) == negate(ZERO) == scale(ZERO, "*", ALPHA) == ZERO
    assert scale(ONE, "*", ALPHA) == scale(ALPHA, "*", ONE) == scale(ALPHA, "/", ONE) == ALPHA


def test_division_by_zero_says_what_divides():
    with pytest.raises(EquationError) as caught:
        evaluate(scale(ONE, "/", add([ALPHA, Number(-0.25)])), {"alpha": 0.25})
    assert caught.value.message == "1 / (alpha - 0.25) divides by zero"


def test_a_very_long_text_is_told_by_its_ends():
    assert short("x" * LONGEST) == "x" * LONGEST
    told = short("a" + "x" * 5000 + "b")
    assert (told[0], told[-1]) == ("a", "b")
    assert len(told) == LONGEST + len(" ... ")
