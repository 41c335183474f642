"""Supervised training demands references, and reads no teacher."""

import pytest

from tests.conftest import RECIPES
from zerokd.errors import RecipeError
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_settings, set_data_folder
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.stages.supervised import Supervised


def check(*settings, data=None):
    document = apply_settings(read_recipe_document(RECIPES / "supervised.toml"), ("data.size=16", *settings))
    return check_recipe(set_data_folder(document, str(data)) if data else document, discover_plugins())


def test_it_reads_the_references_of_the_data():
    assert Supervised.data_signals == ("reference",)
    _, components = check("data.count=4")
    assert components.stages[0].data_signals == ("low", "reference")


def test_data_without_references_is_refused_with_a_remedy(tmp_path):
    from PIL import Image

    Image.new("RGB", (20, 20)).save(tmp_path / "1.png")
    with pytest.raises(RecipeError) as caught:
        check(data=tmp_path)
    messages = [problem.message for problem in caught.value.problems]
    assert "stage 'fit' reads 'reference', and the data source has low" in messages
    assert "pixels.l1: port 'target' reads 'reference': no such input" in messages


def test_a_teacher_is_out_of_reach():
    with pytest.raises(RecipeError, match="stage 'fit' may not read 'teacher'"):
        check('models.teacher={use="zero_dce_pp"}', 'terms.pixels.l1.on.target="teacher.enhanced"')
