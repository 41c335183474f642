"""A recipe that takes a second, and a sweep of it."""

from tests.conftest import RECIPES, TINY
from zerokd.plugin.host import discover
from zerokd.recipe.build.overrides import with_options
from zerokd.recipe.toml.extends import read_recipe

CATALOGUE = discover()


def document(*settings, recipe="paper.toml"):
    return with_options(read_recipe(RECIPES / recipe), settings=(*TINY, *settings))
