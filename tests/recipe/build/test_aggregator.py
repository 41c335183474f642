"""An aggregator starts with the terms of its stage, and refuses terms that it cannot work on, at their place."""

import pytest

from tests.conftest import RECIPES, TINY
from tests.weighting import SETTING, write_plugin
from zerokd.errors import ZerokdError
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document


def build_stages(tmp_path, *settings, plugins=()):
    document = apply_options(read_recipe_document(RECIPES / "paper.toml"), [*TINY, *settings])
    _, components = check_recipe(document, discover_plugins([write_plugin(tmp_path), *plugins]))
    return components.stages


def test_it_starts_with_the_terms_that_train_at_some_step(tmp_path):
    idle = ('terms.task.color.weight={use="linear", from=0.0, to=0.0}', "terms.task.saturation.monitor=true")
    stage = build_stages(tmp_path, SETTING, *idle)[1]
    labels = stage.trained_labels
    assert {"task.color", "task.saturation"}.isdisjoint(labels)
    assert stage.aggregator.seen.shape == (len(labels),)
    assert len(labels) == 12


def test_a_stage_without_one_has_none(tmp_path):
    assert [stage.aggregator for stage in build_stages(tmp_path)] == [None, None]


def test_what_start_refuses_is_told_at_the_aggregator(tmp_path):
    with pytest.raises(ZerokdError) as caught:
        build_stages(tmp_path, SETTING, 'stages.distill.objective="contrastive"')
    text = str(caught.value)
    assert "aggregator 'falling': one term alone needs no factor: remove [aggregate] [aggregator-terms]" in text


NEGATIVE = """
from zerokd import Loss, LossSpec, Port, hookimpl

@hookimpl
def zerokd_losses():
    return [LossSpec("darkness", target=__name__ + ":Darkness", summary="a test")]

class Darkness(Loss):
    ports = {"image": Port(default="student.enhanced", about="an image")}
    bounds = (-1.0, 0.0)

    def forward(self, *, image):
        return -image.mean(dim=(1, 2, 3))
"""


def test_terms_whose_values_may_be_negative_are_refused(tmp_path):
    (tmp_path / "darkness.py").write_text(NEGATIVE)
    term = "terms.task.dark={use='darkness', weight=0.1}"
    with pytest.raises(ZerokdError) as caught:
        build_stages(tmp_path, SETTING, term, plugins=[tmp_path / "darkness.py"])
    assert "task.dark: aggregator 'falling' needs values of at least 0, and darkness is in [-1, 0]" in str(caught.value)
    assert build_stages(tmp_path, term, plugins=[tmp_path / "darkness.py"])
    monitored = "terms.task.dark={use='darkness', monitor=true}"
    assert build_stages(tmp_path, SETTING, monitored, plugins=[tmp_path / "darkness.py"])
