"""Equations and text as LaTeX."""

import pytest

from tests.latex import compile_latex, needs_latex
from zerokd.describe.latex import (
    ACCENTS,
    TEXT_SPECIALS,
    coefficient_to_latex,
    expression_to_latex,
    loss_to_latex,
    number_to_latex,
    sums_to_latex,
    text_to_latex,
)
from zerokd.equation.equation import parse_scalar

PARAMS = frozenset({"alpha", "beta", "warm_up"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 - alpha - beta", r"(1 - \alpha - \beta)"),
        ("alpha*beta", r"\alpha \, \beta"),
        ("1/(alpha + 2)", r"\frac{1}{(\alpha + 2)}"),
        ("max(warm_up, 0.1)", r"\max(\mathrm{warm\_up}, 0.1)"),
        ("-alpha", r"-\alpha"),
        ("1e-7", r"1 \cdot 10^{-7}"),
    ],
)
def test_expressions(text, expected):
    assert expression_to_latex(parse_scalar(text, PARAMS)) == expected


def test_a_factor_of_one_is_not_written():
    assert coefficient_to_latex(parse_scalar("1", PARAMS)) == ""
    assert coefficient_to_latex(parse_scalar("alpha", PARAMS)) == r"\alpha \, "


def test_names_and_numbers():
    assert loss_to_latex("feature_matching") == r"\mathcal{L}_{\mathrm{feature\_matching}}"
    assert number_to_latex(1200.0) == "1200"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b & 50%", r"a\_b \& 50\%"),
        ("e\u0301", r"\'{e}"),
        ("--json", "-{}-json"),
        ("中\n", "U+4E2DU+000A"),
        (r"\x", r"\textbackslash{}x"),
    ],
)
def test_text(text, expected):
    assert text_to_latex(text) == expected


def test_sums_are_aligned_and_long_ones_are_broken():
    assert (
        sums_to_latex([("a", ["b", "c"]), ("d", ["e"])]) == "\\begin{aligned}\na &= b + c \\\\\nd &= e\n\\end{aligned}"
    )
    lines = sums_to_latex([("a", ["x" * 30, "y" * 30, "z" * 30])]).splitlines()[1:-1]
    assert lines == [f"a &= {'x' * 30} \\\\", f" &\\quad {{}} + {'y' * 30} \\\\", f" &\\quad {{}} + {'z' * 30}"]
    lines = sums_to_latex([("a", ["x" * 20, "y" * 20, "z" * 20])]).splitlines()[1:-1]
    assert lines == [f"a &= {'x' * 20} + {'y' * 20} \\\\", f" &\\quad {{}} + {'z' * 20}"]


@needs_latex
def test_all_text_compiles(tmp_path):
    characters = "".join(map(chr, range(32, 0x250))) + "".join(TEXT_SPECIALS) + "".join(f"e{mark}" for mark in ACCENTS)
    log = compile_latex("\n".join(map(text_to_latex, characters)), tmp_path)
    assert "Missing character" not in log
