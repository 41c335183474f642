"""What every component has, whoever wrote it."""

import pytest
from pydantic import Field, ValidationError

import zerokd
from zerokd.plugin.component import Component


class Scaled(Component):
    class Config(zerokd.Config):
        factor: float = Field(2.0, description="a test")


def test_it_is_built_from_keywords_that_its_config_checks():
    assert Scaled(factor=3.0).config.factor == 3.0
    assert Scaled().config.factor == 2.0
    with pytest.raises(ValidationError):
        Scaled(faktor=3.0)


def test_it_needs_no_files(tmp_path):
    assert Scaled.write_example(tmp_path) == {}
    assert [*tmp_path.iterdir()] == []


def test_it_says_nothing_of_itself_unless_there_is_something():
    component = Scaled()
    assert (component.fallbacks, component.cautions, dict(component.sources), component.examples) == ((), (), {}, ())
