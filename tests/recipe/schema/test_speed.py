"""Memory for what is kept."""

import pytest

from zerokd.errors import RecipeError
from zerokd.recipe.schema.speed import Speed


def test_memory_is_told_in_gib_and_off_means_none():
    assert Speed().room == 4 * 2**30
    assert Speed(cache_gib=0.5).room == 2**29
    assert Speed(cache="disk", cache_gib=0.5).room == 2**29
    assert Speed(cache="off").room == 0


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("speed.cache=true", "'auto', 'disk' or 'off'"),
        ("speed.cache_gib=-1.0", "speed.cache_gib"),
        ("speed.images_at_once=0", "speed.images_at_once"),
        ("speed.fast=true", "speed.fast"),
    ],
)
def test_mistakes_are_told(build, setting, told):
    with pytest.raises(RecipeError) as caught:
        build(setting)
    assert told in str(caught.value)
