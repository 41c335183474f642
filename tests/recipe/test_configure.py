"""A table becomes a component's class and its checked config."""

import pytest

from zerokd.errors import RecipeError
from zerokd.losses.exposure_control import ExposureControl
from zerokd.plugin.host import discover
from zerokd.recipe.configure import configure
from zerokd.recipe.document import parse_document
from zerokd.recipe.schema import Term

PATH = ("terms", "task", "one")


def configured(lines):
    document = parse_document(f"[terms.task.one]\n{lines}", "x.toml")
    return configure(Term(**document.tables["terms"]["task"]["one"]), PATH, document, discover())


def test_a_table_gives_a_class_and_its_config():
    entry, component, config = configured("use = 'exposure_control'\nweight = 2.0\npatch = 4")
    assert entry.qualified == "zerokd:exposure_control"
    assert component is ExposureControl
    assert config == ExposureControl.Config(patch=4)


@pytest.mark.parametrize(
    ("lines", "place", "told"),
    [
        ("use = 'exposure'", "None", "unknown loss 'exposure'"),
        ("use = 'exposure_control'\npatch = 0", "x.toml:3:9", "terms.task.one.patch: input should be greater"),
        ("use = 'exposure_control'\npatc = 4", "x.toml:3:1", "unknown key 'terms.task.one.patc'"),
    ],
)
def test_a_mistake_is_told_where_it_is_known(lines, place, told):
    with pytest.raises(RecipeError) as caught:
        configured(lines)
    (problem,) = caught.value.problems
    assert str(problem.place) == place
    assert problem.message.startswith(told)
