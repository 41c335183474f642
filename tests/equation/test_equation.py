"""The equation language: what it reduces to, and where each mistake is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerokd.equation.equation import MAX_EQUATION_LENGTH, UnknownNameError, parse_equation
from zerokd.equation.expression import EquationError, format_expression

PARAMS = frozenset({"alpha", "beta"})
GROUPS = frozenset({"distillation", "feature_matching", "task", "contrastive"})
PAPER = "alpha*distillation + beta*feature_matching + (1 - alpha - beta)*task + contrastive"


def read(text):
    return parse_equation(text, PARAMS, GROUPS)


def test_the_documented_objective_has_the_documented_coefficients():
    equation = read(PAPER)
    assert {group: format_expression(expression) for group, expression in equation.coefficients.items()} == {
        "distillation": "alpha",
        "feature_matching": "beta",
        "task": "(1 - alpha - beta)",
        "contrastive": "1",
    }
    assert equation.evaluate_coefficients({"alpha": 0.35, "beta": 0.1}) == {
        "distillation": 0.35,
        "feature_matching": 0.1,
        "task": 1 - 0.35 - 0.1,
        "contrastive": 1.0,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("task", 1.0),
        ("2*task + task", 3.0),
        ("task - 0.25*task", 0.75),
        ("2*(task + contrastive)/4", 0.5),
        ("-(-task)", 1.0),
        ("max(alpha, beta)*task", 0.4),
        ("min(1, alpha/beta, 3)*task", 1.0),
        ("task*alpha*beta", 0.04),
        (".5e1 * task", 5.0),
        ("(1 - max(alpha, 0.9))*task", 0.1),
    ],
)
def test_coefficients_by_hand(text, expected):
    assert read(text).evaluate_coefficients({"alpha": 0.4, "beta": 0.1})["task"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("task*contrastive", 4, "a product of groups is not linear"),
        ("task*task", 4, "a product of groups"),
        ("1/task", 1, "division by a group"),
        ("max(task, 1)", 0, "max of a group is not linear"),
        ("task + 1", 7, "1 belongs to no group"),
        ("task + alpha - 1", 7, "belongs to no group"),
        ("alpha", 0, "names no group"),
        ("task + tusk", 7, "unknown name 'tusk'"),
        ("task +", 6, "ends too early"),
        ("(task", 5, "never closed"),
        ("task)", 4, "unexpected ')'"),
        ("task task", 5, "unexpected 'task'"),
        ("task $ 2", 5, "unexpected '$'"),
        ("max task", 4, "needs parentheses"),
        ("1e999*task", 0, "not a finite number"),
        ("(" * 5000 + "task" + ")" * 5000, 65, "nest deeper"),
        ("task" + "*alpha" * 3000, 604, "more than 100 factors"),
        ("task+" * MAX_EQUATION_LENGTH, 0, "characters"),
        ("__import__('os')", 0, "unknown name '__import__'"),
        ("task.__class__", 4, "unexpected '.'"),
        ("", 0, "ends too early"),
    ],
)
def test_mistakes_are_told_at_their_column(text, column, message):
    with pytest.raises(EquationError) as caught:
        read(text)
    assert message in caught.value.message
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "(1 - alpha - beta)*task",
            "the coefficient of task is (1 - alpha - beta) = -0.2 with alpha = 0.9, beta = 0.3",
        ),
        ("-task", "-1"),
        ("task/(alpha - alpha)", "divides by zero"),
        ("(1e308 + 1e308)*task", "is not a finite number"),
        ("(1e308*1e308)*task", "= inf"),
        ("(1e308*1e308 - 1e308*1e308)*task", "is not a finite number"),
    ],
)
def test_negative_and_undefined_coefficients_are_never_clamped(text, message):
    with pytest.raises(EquationError) as caught:
        read(text).evaluate_coefficients({"alpha": 0.9, "beta": 0.3})
    assert message in caught.value.message


def test_unknown_names_are_a_kind_of_their_own():
    with pytest.raises(UnknownNameError) as caught:
        read("alpha*distilation")
    assert caught.value.name == "distilation"


numbers = st.floats(0.01, 100).map(lambda x: f"{x:.4f}")
atoms = st.one_of(numbers, st.sampled_from(["alpha", "beta"]))
scalars = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
        inner.map(lambda text: f"(-{text})"),
    ),
    max_leaves=8,
)


@given(scalars, scalars, st.floats(0.1, 2), st.floats(0.1, 2))
def test_agrees_with_python_arithmetic(first, second, alpha, beta):
    """An independent evaluator: Python's own, on text that holds only numbers, two names, + - * and max."""
    values = {"alpha": alpha, "beta": beta, "max": max}
    expected = {"task": eval(first, values.copy()), "contrastive": eval(f"-({second})", values.copy())}
    equation = read(f"{first}*task - ({second})*contrastive")
    if all(value >= 0 for value in expected.values()):
        assert equation.evaluate_coefficients(values) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    elif all(abs(value) > 1e-9 for value in expected.values()):
        with pytest.raises(EquationError, match="coefficient"):
            equation.evaluate_coefficients(values)
