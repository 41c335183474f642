import re

import pytest

from zerokd.describe.shipped_recipe import (
    SHOWN_FACTS,
    describe_shipped_recipes,
    format_recipe_list,
    parse_leading_comment,
)
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.text import TEXT_WIDTH

RECIPES = describe_shipped_recipes()
TEXT = """\
#:schema ../x.json
# A student that
# is small.
#
#   a formula
#
# Goal      to be
#           small
# Expected  12 dB: docs/x.md

name = "x"
# Goal      of a later comment
"""


def test_summary_and_facts_by_hand():
    assert parse_leading_comment(TEXT) == (
        "A student that is small.",
        {"Goal": "to be small", "Expected": "12 dB: docs/x.md"},
    )


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_shipped_recipe_states_what_a_reader_needs(recipe):
    assert set(SHOWN_FACTS) <= recipe.facts.keys()
    assert re.search(r"\d", recipe.facts["Expected"])
    assert list(recipe.as_json()) == ["name", "summary", "goal", "data", "time", "expected", "path"]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_data_are_those_of_the_recipe(recipe):
    data = read_recipe_document(recipe.path).tables["data"]
    scenes = {"dead_leaves": "scenes", "rooms_and_streets": "rooms and streets"}[data["use"]]
    stated = f"{data['count']} generated {scenes} of {data['size']}x{data['size']} pixels"
    assert recipe.facts["Data"].partition(",")[0] == stated


def test_the_list_shows_all_of_it_in_80_columns():
    text = format_recipe_list(RECIPES)
    assert max(map(len, text.splitlines())) <= TEXT_WIDTH
    words = " ".join(text.split())
    for recipe in RECIPES:
        assert all(recipe.facts[fact] in words for fact in SHOWN_FACTS)
        assert recipe.summary in words
