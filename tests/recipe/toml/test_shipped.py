"""Which file a name means: a file of that name first, then the recipe that ships with zerokd."""

import os
import tomllib
from pathlib import Path

import pytest

import zerokd
from tests.conftest import ROOT
from zerokd.errors import RecipeError
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.recipe.toml.shipped import SHIPPED_FOLDER, list_shipped_recipes, locate_recipe, shipped_recipe_hints

OWN = ["adversarial", "best", "fidelity", "noise2noise", "paper", "supervised", "teacher", "two_frames", "two_views"]
PUBLISHED = [
    *("enlighten_gan_like", "lite_ie_like", "noise2noise_denoising", "pairlie", "ruas_like", "sci", "unet_supervised"),
    *("zero_dce", "zero_dce_pp"),
]
NAMES = [*OWN, *(f"published/{name}" for name in PUBLISHED)]


def problem_of(name):
    with pytest.raises(RecipeError) as caught:
        read_recipe_document(name)
    return caught.value.problems[0]


def test_there_is_one_copy_in_the_package_and_the_clone_shows_it():
    assert list(list_shipped_recipes()) == NAMES
    assert Path(zerokd.__file__).parent / "recipes" == SHIPPED_FOLDER
    assert (ROOT / "recipes").is_symlink()
    assert os.readlink(ROOT / "recipes") == "zerokd/recipes"
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["zerokd"]
    assert {"recipes/*.toml", "recipes/published/*.toml"} <= set(declared)


def test_bundled_weights_that_the_recipes_name_are_package_data():
    """Every file in the package's data folders matches a pattern of the package data."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["zerokd"]
    package = Path(zerokd.__file__).parent
    shipped = {path for pattern in declared for path in package.glob(pattern)}
    files = {path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert files == shipped


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_the_shipped_recipe(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_recipe_document(name).tables["name"] == name.removeprefix("published/")
    assert read_recipe_document(Path(name)).file == str(SHIPPED_FOLDER / f"{name}.toml")


def test_a_file_wins_over_a_name_and_a_folder_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "paper").write_text('name = "own"')
    assert read_recipe_document("paper").tables == {"name": "own"}
    (tmp_path / "best").mkdir()
    assert read_recipe_document("best").tables["name"] == "best"
    os.remove("paper")
    assert read_recipe_document("paper").tables["name"] == "paper"


def test_extends_takes_a_name_from_any_folder_and_a_file_beside_it_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/paper.toml").write_text('extends = "paper"\nparams.alpha = 0.4\n')
    tables = read_recipe_document("sub/paper.toml").tables
    assert tables["params"] == {"alpha": 0.4, "beta": 0.1}
    (tmp_path / "sub/paper").write_text("params.beta = 0.2")
    assert read_recipe_document("sub/paper.toml").tables == {"params": {"alpha": 0.4, "beta": 0.2}}
    assert read_recipe_document("paper").tables["params"] == {"alpha": 0.35, "beta": 0.1}  # sub/paper is elsewhere


def test_an_unknown_name_lists_all_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = f"shipped recipes: {', '.join(NAMES)}; `zerokd list recipes` describes them"
    assert problem_of("papr").hints == ("did you mean 'paper'?", shipped)
    assert problem_of("xyz").hints == (shipped,)
    (tmp_path / "mine.toml").touch()
    assert problem_of("mine").hints == ("did you mean 'mine.toml'?", shipped)
    (tmp_path / "child.toml").write_text('extends = "papr"')
    problem = problem_of("child.toml")
    assert str(problem.place) == "child.toml:1:11"
    assert "  did you mean 'paper'?" in problem.hints


def test_a_path_into_a_clone_that_is_not_there_names_the_shipped_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("recipes/paper.toml", "paper.toml"):
        assert problem_of(path).hints[-1] == "zerokd ships a recipe of this name: write paper"
    assert shipped_recipe_hints(Path("papr.toml")) == shipped_recipe_hints(Path("paper")) == ()


def test_a_path_is_left_as_it_is():
    for path in ("./paper", "recipes/paper.toml", "a.b", "", "a\0b"):
        assert locate_recipe(path) == path
    assert locate_recipe("paper.toml", "sub") == "sub/paper.toml"


def test_a_group_of_recipes_is_part_of_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sci.toml").write_text('extends = "published/sci"\nname = "own"')
    assert read_recipe_document("sci.toml").tables["run"] == read_recipe_document("published/sci").tables["run"]
    assert problem_of("published/sco").hints[0] == "did you mean 'published/sci'?"
    assert problem_of("pairlie").hints[0] == "did you mean 'published/pairlie'?"
    assert problem_of("published/sci.toml").hints == ("zerokd ships a recipe of this name: write published/sci",)
    (tmp_path / "published").mkdir()
    (tmp_path / "published/sci").write_text('name = "own"')
    assert read_recipe_document("published/sci").tables == {"name": "own"}  # a file wins


@pytest.mark.parametrize("name", ["published/a/b", "Published/sci", "other/sci", "published/"])
def test_no_other_folder_is_a_group(name):
    assert locate_recipe(name) == name


def needs_packages(name):
    """Whether a recipe needs packages, of which these tests have none; its own tests are with them."""
    return "requires" in read_recipe_document(name).tables


def test_most_recipes_need_no_package():
    assert not any(needs_packages(name) for name in OWN)
    alone = {name.removeprefix("published/") for name in NAMES if name not in OWN and not needs_packages(name)}
    assert alone == {"enlighten_gan_like", "noise2noise_denoising", "zero_dce", "zero_dce_pp"}


@pytest.mark.parametrize("name", [name for name in NAMES if not needs_packages(name)])
def test_python_takes_names(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stage = read_recipe_document(name).tables["run"][-1]
    small = {"data.size": 32, "data.count": 6}
    small |= {"terms.distillation.perceptual.weights": "random"} if name == "paper" else {}
    weights = zerokd.compose(name, stage, set=small).weights_at(0)
    equation = read_recipe_document(name).tables["stages"][stage]["objective"]
    groups = {label.split(".")[0] for label in weights}
    assert groups == {group for group in read_recipe_document(name).tables["terms"] if group in equation}
