"""Memory for what is kept."""

import pytest

from zerokd.errors import RecipeError
from zerokd.recipe.schema.speed import SpeedConfig


def test_memory_is_told_in_gib_and_off_means_none():
    assert SpeedConfig().cache_bytes == 4 * 2**30
    assert SpeedConfig(cache_gib=0.5).cache_bytes == 2**29
    assert SpeedConfig(cache="disk", cache_gib=0.5).cache_bytes == 2**29
    assert SpeedConfig(cache="off").cache_bytes == 0


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("speed.cache=true", "'auto', 'disk' or 'off'"),
        ("speed.cache_gib=-1.0", "speed.cache_gib"),
        ("speed.images_at_once=0", "speed.images_at_once"),
        ("speed.fast=true", "speed.fast"),
    ],
)
def test_mistakes_are_told(build, setting, message):
    with pytest.raises(RecipeError) as caught:
        build(setting)
    assert message in str(caught.value)
