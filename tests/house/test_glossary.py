"""docs/reference/glossary.md lists every recipe key and plugin kind, and names only what the code has."""

import ast
import re
from collections import Counter
from functools import cache

import pytest

from tests.conftest import ROOT
from zerokd.plugin.kinds import KINDS
from zerokd.recipe.schema.recipe import Recipe

PAGE = (ROOT / "docs/reference/glossary.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| term |")
]
NAMES = {term: re.findall(r"`([^`]+)`", code) for term, _, code in ROWS}


@cache
def read_code_names():
    return set(list_code_names())


def list_code_names():
    """Every identifier, module and one-word string (a recipe key, a role, an option) in zerokd/."""
    for path in (ROOT / "zerokd").rglob("*.py"):
        yield path.parent.name if path.stem == "__init__" else path.stem
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.ClassDef() | ast.FunctionDef():
                    yield node.name
                case ast.Name():
                    yield node.id
                case ast.Attribute():
                    yield node.attr
                case ast.arg() | ast.keyword():
                    yield node.arg
                case ast.Constant(value=str(text)):
                    yield text.removeprefix("--")


def test_a_term_is_listed_once_in_alphabetical_order():
    terms = [term.lower() for term, _, _ in ROWS]
    assert [term for term, count in Counter(terms).items() if count > 1] == []
    assert terms == sorted(terms)


@pytest.mark.parametrize("term", NAMES)
def test_a_term_is_used_in_code_or_recipe(term):
    assert NAMES[term], f"{term} has no name in code"
    assert [name for name in NAMES[term] if name not in read_code_names()] == []


LISTED = {name for names in NAMES.values() for name in names}


@pytest.mark.parametrize("key", Recipe.model_fields)
def test_every_top_level_recipe_key_is_listed(key):
    assert key in LISTED


@pytest.mark.parametrize("kind", KINDS)
def test_every_plugin_kind_is_listed(kind):
    assert kind in LISTED
