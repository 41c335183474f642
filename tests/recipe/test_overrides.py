"""Changes from the command line land where they should, and are blamed for their own mistakes."""

import pytest

from zerokd.errors import RecipeError
from zerokd.recipe.document import parse_document
from zerokd.recipe.overrides import override, with_data, with_epochs

TEXT = """
run = ["a", "b"]
[data]
use = "dead_leaves"
size = 64
count = 5
[stages.a]
epochs = 40
[stages.b]
epochs = 100
"""


@pytest.fixture
def document():
    return parse_document(TEXT, "x.toml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("3.5", 3.5),
        ("true", True),
        ('"quoted"', "quoted"),
        ("bare/path.pth", "bare/path.pth"),
        ("[0.5, 1.5]", [0.5, 1.5]),
        ("{ use = 'gap' }", {"use": "gap"}),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_values_are_toml_and_other_text_is_a_string(document, text, value):
    assert override(document, [f"data.size={text}"]).tables["data"]["size"] == value


def test_the_original_document_is_left_alone(document):
    changed = override(document, ["data.size=128", "new.table.key=1"])
    assert document.tables["data"]["size"] == 64
    assert changed.tables["new"] == {"table": {"key": 1}}


def test_a_changed_value_is_placed_at_its_setting(document):
    changed = override(document, ["data.size=128"])
    assert str(changed.value_place(("data", "size"))) == "--set data.size=128"
    assert str(changed.value_place(("data", "count"))) == "x.toml:6:9"


@pytest.mark.parametrize("setting", ["data.size", "=3", "data..size=3", "data.size.x=3"])
def test_a_setting_that_makes_no_sense_is_refused(document, setting):
    with pytest.raises(RecipeError) as caught:
        override(document, [setting])
    assert f"--set {setting}" in str(caught.value)


def test_a_folder_of_photos_replaces_the_data_and_keeps_what_all_data_have(document):
    assert with_data(document, "photos").tables["data"] == {"use": "folder", "path": "photos", "size": 64}


@pytest.mark.parametrize(("total", "expected"), [(14, (4, 10)), (140, (40, 100)), (2, (1, 1)), (7, (2, 5))])
def test_epochs_scale_all_stages_in_proportion(document, total, expected):
    stages = with_epochs(document, total).tables["stages"]
    assert (stages["a"]["epochs"], stages["b"]["epochs"]) == expected
