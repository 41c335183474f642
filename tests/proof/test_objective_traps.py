"""Terms that are sound alone and wrong together."""

import pytest
import torch

from zerokd.errors import RecipeError
from zerokd.plugin.batch import Batch
from zerokd.plugin.discovery import discover_plugins
from zerokd.proof.probe import probe
from zerokd.recipe.build.overrides import apply_settings
from zerokd.recipe.build.resolver import resolve_recipe
from zerokd.recipe.schema.recipe import validate_recipe
from zerokd.recipe.toml.extends import read_recipe_document


def refusals(components, number=0):
    with pytest.raises(RecipeError) as caught:
        probe(components.stages[number], components, Batch.from_images(torch.rand(3, 3, 32, 32)))
    return [problem.message for problem in caught.value.problems]


def test_a_term_under_two_names_is_refused(build):
    (told,) = refusals(build('terms.pretraining.again={use="color_constancy", weight=3.0}'))
    assert told == (
        "pretraining.again: the same as pretraining.color: color_constancy on the same signals with the same config"
    )


@pytest.mark.parametrize(
    "twin",
    [
        '{use="color_constancy", monitor=true}',
        '{use="multi_region_exposure", patch=4}',
        '{use="total_variation", on={image="student.enhanced"}}',
    ],
)
def test_another_signal_config_or_a_monitor_is_no_twin(build, twin):
    components = build(f"terms.pretraining.again={twin}")
    probe(components.stages[0], components, Batch.from_images(torch.rand(3, 3, 32, 32)))


def test_defaults_written_out_make_the_same_term(build):
    twin = 'terms.pretraining.again={use="multi_region_exposure", on={low="low"}, patch=8}'
    assert len(refusals(build(twin))) == 1


def test_a_smooth_curve_alone_is_least_at_no_curve(build):
    told = refusals(build('terms.pretraining={smooth={use="total_variation"}}'))
    assert told == ["stage 'pretrain': the objective is least when the student changes nothing"]


DIMMER = """
import torch, zerokd
class Dimmer(zerokd.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.level = torch.nn.Parameter(torch.zeros(1, 3, 1, 1))
    def outputs(self):
        light = zerokd.Signal(range=(0.0, 1.0), unchanged=1.0)
        return {"enhanced": zerokd.Signal(range=(0.0, 1.0)), "light": light, "twin": zerokd.Signal(range=(0.0, 1.0))}
    def forward(self, low):
        light = torch.sigmoid(self.level + low)
        return {"enhanced": low * light, "light": light, "twin": light}
@zerokd.hookimpl
def zerokd_models():
    return [zerokd.ModelSpec("dimmer", target=__name__ + ":Dimmer", summary="a test")]
"""
DIMMED = """
name = "dim"
run = ["train"]
[data]
use = "dead_leaves"
count = 4
size = 16
[models.student]
use = "dimmer"
[stages.train]
use = "self_supervised"
objective = "task"
epochs = 1
"""


@pytest.mark.parametrize(("signal", "refused"), [("light", True), ("twin", False)])
def test_what_changes_nothing_is_what_the_model_says(tmp_path, signal, refused):
    (tmp_path / "dimmer.py").write_text(DIMMER)
    (tmp_path / "dim.toml").write_text(DIMMED)
    term = f'terms.task.smooth={{use="total_variation", on={{image="student.{signal}"}}}}'
    document = apply_settings(read_recipe_document(tmp_path / "dim.toml"), [term])
    components = resolve_recipe(validate_recipe(document), document, discover_plugins([tmp_path / "dimmer.py"]))
    if refused:
        assert refusals(components) == ["stage 'train': the objective is least when the student changes nothing"]
    else:
        probe(components.stages[0], components, Batch.from_images(torch.rand(3, 3, 32, 32)))


def test_one_term_that_wants_a_change_is_enough(build):
    components = build('terms.pretraining={smooth={use="total_variation"}, color={use="color_constancy"}}')
    probe(components.stages[0], components, Batch.from_images(torch.rand(3, 3, 32, 32)))


def test_a_term_on_features_cannot_be_judged(build):
    features = 'on={prediction="student.features.e_conv1", target="student.features.e_conv2"}'
    components = build(f'terms.pretraining={{flat={{use="mse", {features}}}}}')
    probe(components.stages[0], components, Batch.from_images(torch.rand(3, 3, 32, 32)))
