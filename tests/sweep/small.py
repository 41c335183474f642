"""A recipe that takes a second, and a sweep of it."""

from tests.conftest import RECIPES, TINY
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.toml.extends import read_recipe_document

CATALOGUE = discover_plugins()


def document(*settings, recipe="paper.toml"):
    return apply_options(read_recipe_document(RECIPES / recipe), settings=(*TINY, *settings))
