"""Codes: every one that a problem can have is explained, and every one that is explained can come."""

import re

import pytest

from tests.conftest import ROOT
from zerokd.codes import ERROR_CODES, explain_code
from zerokd.errors import DataError, Problem, RecipeError

SOURCE = "\n".join(path.read_text() for path in (ROOT / "zerokd").rglob("*.py") if path.name != "codes.py")
IN_USE = set(re.findall(r'\bcode(?:: str)? ?= ?"([a-z-]+)"', SOURCE)) | set(
    re.findall(r', "([a-z]+(?:-[a-z]+)*)"\)', SOURCE)
)


def test_codes_are_explained_and_explained_codes_are_in_use():
    assert IN_USE & set(ERROR_CODES) == set(ERROR_CODES)
    assert {problem for problem in IN_USE - set(ERROR_CODES) if f'code="{problem}"' in SOURCE} == set()


@pytest.mark.parametrize("name", ERROR_CODES)
def test_a_code_says_what_it_means_and_what_to_do(name):
    code, text = ERROR_CODES[name], explain_code(name)
    assert code.meaning.endswith(".")
    assert code.fix.endswith((".", "`"))
    assert text.startswith(f"{name}\n")
    assert "To do: " in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_problem_shows_its_code_behind_its_message():
    assert str(Problem("two of them", code="same-term-twice")) == "two of them [same-term-twice]"
    assert str(Problem("plain")) == "plain"


def test_an_error_gives_its_code_to_problems_that_have_none():
    (problem,) = DataError("no photo").problems
    assert problem.code == "data-unusable"
    (coded_problem,) = RecipeError(Problem("x", code="unknown-key")).problems
    assert coded_problem.code == "unknown-key"
