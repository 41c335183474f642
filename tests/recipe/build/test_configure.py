"""A table becomes a component's class and its checked config."""

import pytest

from zerokd.errors import RecipeError
from zerokd.losses.exposure_control import ExposureControl
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.configure import resolve_component, walk_component_configs
from zerokd.recipe.schema.recipe import TermConfig, validate_recipe
from zerokd.recipe.toml.document import parse_document

PATH = ("terms", "task", "one")


def configured(lines):
    document = parse_document(f"[terms.task.one]\n{lines}", "x.toml")
    return resolve_component(TermConfig(**document.tables["terms"]["task"]["one"]), PATH, document, discover_plugins())


def test_a_table_gives_a_class_and_its_config():
    entry, component, config = configured("use = 'exposure_control'\nweight = 2.0\npatch = 4")
    assert entry.qualified_name == "zerokd:exposure_control"
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


NAMED = """
name = "one"
run = ["only"]
[data]
use = "dead_leaves"
[models.student]
use = "nano_dce"
[stages.only]
use = "self_supervised"
objective = "task"
epochs = 1
[stages.only.augment.gamma]
use = "random_gamma"
[stages.only.aggregate]
use = "sum"
[terms.task.color]
use = "color_constancy"
adapt = ["gap", { use = "adaptive_pool" }]
[metrics.fidelity]
use = "psnr"
[observers.board]
use = "mine:board"
"""


def test_every_component_that_a_recipe_names_has_its_path_and_kind():
    recipe = validate_recipe(parse_document(NAMED, "x"))
    assert sorted((".".join(map(str, path)), one.kind, one.use) for path, one in walk_component_configs(recipe)) == [
        ("data", "data", "dead_leaves"),
        ("metrics.fidelity", "metrics", "psnr"),
        ("models.student", "models", "nano_dce"),
        ("observers.board", "observers", "mine:board"),
        ("stages.only", "stages", "self_supervised"),
        ("stages.only.aggregate", "aggregators", "sum"),
        ("stages.only.augment.gamma", "augmentations", "random_gamma"),
        ("stages.only.optimizer", "optimizers", "adam"),
        ("terms.task.color", "losses", "color_constancy"),
        ("terms.task.color.adapt.0", "adapters", "gap"),
        ("terms.task.color.adapt.1", "adapters", "adaptive_pool"),
    ]
