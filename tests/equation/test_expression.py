"""Coefficients as arithmetic."""

import pytest

from zerokd.equation.expression import (
    MAX_SHOWN_LENGTH,
    ZERO,
    EquationError,
    Number,
    Operation,
    Param,
    add_expressions,
    evaluate_expression,
    format_expression,
    negate_expression,
    param_names,
    scale_expression,
    shorten,
)

ALPHA, HALF, ONE = Param("alpha"), Number(0.5), Number(1.0)


@pytest.mark.parametrize(
    ("expression", "text", "value"),
    [
        (add_expressions([ONE, negate_expression(ALPHA)]), "(1 - alpha)", 0.75),
        (scale_expression(ALPHA, "*", HALF), "alpha*0.5", 0.125),
        (scale_expression(ALPHA, "/", HALF), "alpha / 0.5", 0.5),
        (Operation("max", (ALPHA, HALF)), "max(alpha, 0.5)", 0.5),
        (negate_expression(add_expressions([ALPHA, HALF])), "-(alpha + 0.5)", -0.75),
    ],
)
def test_shown_as_written_and_worth_what_arithmetic_says(expression, text, value):
    assert format_expression(expression) == text
    assert evaluate_expression(expression, {"alpha": 0.25}) == pytest.approx(value)
    assert set(param_names(expression)) == {"alpha"}


def test_neutral_elements_vanish():
    assert add_expressions([ZERO, ALPHA, ZERO]) == ALPHA
    assert add_expressions([]) == negate_expression(ZERO) == scale_expression(ZERO, "*", ALPHA) == ZERO
    assert (
        scale_expression(ONE, "*", ALPHA)
        == scale_expression(ALPHA, "*", ONE)
        == scale_expression(ALPHA, "/", ONE)
        == ALPHA
    )


def test_division_by_zero_says_what_divides():
    with pytest.raises(EquationError) as caught:
        evaluate_expression(scale_expression(ONE, "/", add_expressions([ALPHA, Number(-0.25)])), {"alpha": 0.25})
    assert caught.value.message == "1 / (alpha - 0.25) divides by zero"


def test_a_very_long_text_is_told_by_its_ends():
    assert shorten("x" * MAX_SHOWN_LENGTH) == "x" * MAX_SHOWN_LENGTH
    shortened = shorten("a" + "x" * 5000 + "b")
    assert (shortened[0], shortened[-1]) == ("a", "b")
    assert len(shortened) == MAX_SHOWN_LENGTH + len(" ... ")
