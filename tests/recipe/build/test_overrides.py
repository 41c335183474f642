"""Changes from the command line land where they should, and are blamed for their own mistakes."""

import pytest

from tests.conftest import RECIPES
from zerokd.errors import RecipeError
from zerokd.recipe.build.overrides import (
    apply_options,
    apply_options_and_validate,
    apply_settings,
    scale_epochs,
    set_data_folder,
)
from zerokd.recipe.toml.document import parse_document
from zerokd.recipe.toml.extends import read_recipe_document

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
        (f"0x{'f' * 5000}", f"0x{'f' * 5000}"),
    ],
)
def test_values_are_toml_and_other_text_is_a_string(document, text, value):
    assert apply_settings(document, [f"data.size={text}"]).tables["data"]["size"] == value


def test_the_original_document_is_left_alone(document):
    new = apply_settings(document, ["data.size=128", "new.table.key=1"])
    assert document.tables["data"]["size"] == 64
    assert new.tables["new"] == {"table": {"key": 1}}


def test_a_changed_value_is_placed_at_its_setting(document):
    new = apply_settings(document, ["data.size=128"])
    assert str(new.value_place(("data", "size"))) == "--set data.size=128"
    assert str(new.value_place(("data", "count"))) == "x.toml:6:9"


@pytest.mark.parametrize("setting", ["data.size", "=3", "data..size=3", "data.size.x=3", f"{'a.' * 32}a=1"])
def test_a_setting_that_makes_no_sense_is_refused(document, setting):
    with pytest.raises(RecipeError) as caught:
        apply_settings(document, [setting])
    assert f"--set {setting}" in str(caught.value)


def test_a_folder_of_photos_replaces_the_data_and_keeps_what_all_data_have(document):
    new = set_data_folder(document, "photos")
    assert new.tables["data"] == {"use": "folder", "path": "photos", "size": 64}
    assert {key: str(new.value_place(("data", key))) for key in ("use", "path", "size")} == {
        "use": "--data photos",
        "path": "--data photos",
        "size": "x.toml:5:8",
    }


@pytest.mark.parametrize("text", ["", "data = 3", "data = []"])
def test_a_folder_of_photos_replaces_whatever_stands_for_data(text):
    tables = set_data_folder(parse_document(text, "x.toml"), "photos").tables
    assert tables == {"data": {"use": "folder", "path": "photos"}}


@pytest.mark.parametrize(("total", "expected"), [(14, (4, 10)), (140, (40, 100)), (2, (1, 1)), (7, (2, 5))])
def test_epochs_scale_all_stages_in_proportion(document, total, expected):
    stages = scale_epochs(document, total).tables["stages"]
    assert (stages["a"]["epochs"], stages["b"]["epochs"]) == expected


def test_all_options_together_change_the_recipe_once():
    document, recipe = apply_options_and_validate(
        read_recipe_document(RECIPES / "paper.toml"), ["params.alpha=0.3"], "photos", 14, 7
    )
    assert (recipe.params["alpha"], recipe.data.options["path"], recipe.seed) == (0.3, "photos", 7)
    assert [stage.epochs for stage in recipe.stages.values()] == [4, 10]
    places = [str(document.value_place(path)) for path in (("seed",), ("stages", "distill", "epochs"))]
    assert places == ["--seed 7", "--epochs 14"]


def test_a_setting_is_laid_over_the_folder_and_under_the_seed_and_the_epochs():
    settings = ["data.size=32", "seed=1", "stages.distill.epochs=40"]
    _, recipe = apply_options_and_validate(read_recipe_document(RECIPES / "paper.toml"), settings, "photos", 8, 2)
    assert recipe.data.options == {"path": "photos", "size": 32}
    assert (recipe.seed, [stage.epochs for stage in recipe.stages.values()]) == (2, [4, 4])


def test_a_mistake_in_the_recipe_is_told_before_its_epochs_are_scaled():
    with pytest.raises(RecipeError, match="run: input should be a valid tuple"):
        apply_options_and_validate(read_recipe_document(RECIPES / "paper.toml"), ["run=3"], epochs=3)


def test_epochs_of_a_recipe_with_mistakes_are_left_alone():
    document = apply_options(read_recipe_document(RECIPES / "paper.toml"), ["run=3"], epochs=3)
    assert document.tables["stages"]["pretrain"]["epochs"] == 40


OBSERVED = """[observers.board]
use = "mine:board"
every = 5
"""


def test_an_observer_is_added_by_its_name_and_one_that_is_there_stays():
    document = parse_document(OBSERVED, "x.toml")
    tables = apply_options(document, observe=["mine:board", "mine:other", "third"]).tables["observers"]
    assert tables == {
        "board": {"use": "mine:board", "every": 5},
        "other": {"use": "mine:other"},
        "third": {"use": "third"},
    }


def test_an_observer_takes_no_other_ones_name():
    with pytest.raises(RecipeError) as caught:
        apply_options(parse_document(OBSERVED, "x.toml"), observe=["board"])
    assert str(caught.value).startswith("--observe board: the recipe has another observer called 'board'")
