import re
import tomllib

import pytest

from zerokd.errors import RecipeError
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.recipe.toml.shipped import list_shipped_recipes
from zerokd.templates.new_recipe import render_recipe


def written(folder, name, base):
    ((file, text),) = render_recipe(name, base, folder).items()
    (folder / file).write_text(text)
    return folder / file


@pytest.mark.parametrize("base", list_shipped_recipes())
def test_a_new_recipe_is_its_base_and_so_it_stays_with_every_comment_removed(tmp_path, base):
    path = written(tmp_path, "mine", base)
    tables = read_recipe_document(base).tables | {"name": "mine"}
    assert read_recipe_document(path).tables == tables
    head, values = path.read_text().split("may follow.\n")
    assert len(values.splitlines()) >= 3
    path.write_text(head + re.sub("^# ", "", values, flags=re.M))
    assert read_recipe_document(path).tables == tables


def test_the_values_that_people_change_most_are_there(tmp_path):
    text = written(tmp_path, "mine", "paper").read_text()
    for line in ("params.alpha = 0.35", "stages.distill.epochs = 100", "terms.task.exposure.weight = 7.0"):
        assert f"\n# {line}\n" in text
    assert "learning_rate = 0.005" in text
    assert "seed" not in text


def test_a_path_starts_at_the_folder_of_the_new_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    written(tmp_path, "base", "paper")
    text = render_recipe("mine", "base.toml", tmp_path / "sub")["mine.toml"]
    assert tomllib.loads(text) == {"extends": "../base.toml", "name": "mine"}
    (tmp_path / "sub/mine.toml").write_text(text)
    assert read_recipe_document("sub/mine.toml").tables["params"] == {"alpha": 0.35, "beta": 0.1}


@pytest.mark.parametrize("name", ["", "a/b", "../x", "1st", "a.toml", "x" * 65])
def test_a_name_that_no_recipe_can_have_is_refused(tmp_path, name):
    with pytest.raises(RecipeError, match="not a valid name of a recipe"):
        render_recipe(name, "paper", tmp_path)


def test_an_unknown_base_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="did you mean 'paper'"):
        render_recipe("mine", "papr", tmp_path)
