"""The schema accepts what zerokd accepts and refuses what an editor can know to be wrong; judged by jsonschema."""

import copy
import json
import os
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.conftest import RECIPES, ROOT
from zerokd.describe.snippet import format_snippet
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.loading import load_component
from zerokd.recipe.schema.json_schema import build_recipe_json_schema

PAPER = tomllib.loads((RECIPES / "paper.toml").read_text())


@pytest.fixture(scope="module")
def schema():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZEROKD_PLUGINS", "")
        schema, omitted = build_recipe_json_schema(discover_plugins())
    assert omitted == []
    return schema


@pytest.fixture(scope="module")
def find_errors(schema):
    def find_errors(recipe):
        return [error.json_path for error in Draft202012Validator(schema).iter_errors(recipe)]

    return find_errors


def merge_into_paper(text):
    """The paper recipe with some TOML laid over it, table by table."""

    def merge(old, new):
        for key, value in new.items():
            if isinstance(value, dict) and isinstance(old.get(key), dict):
                merge(old[key], value)
            else:
                old[key] = value

    recipe = copy.deepcopy(PAPER)
    merge(recipe, tomllib.loads(text))
    return recipe


def test_it_is_a_schema(schema):
    Draft202012Validator.check_schema(schema)


def test_the_committed_schema_is_the_present_one(schema):
    committed = json.loads((ROOT / "docs/recipe.schema.json").read_text())
    remedy = 'ZEROKD_PLUGINS="" zerokd schema --out docs/recipe.schema.json'
    assert committed == json.loads(json.dumps(schema)), f"write it anew: {remedy}"


def test_the_snippet_of_every_installed_loss_is_accepted(monkeypatch):
    monkeypatch.delenv("ZEROKD_PLUGINS", raising=False)  # those of the packages too
    catalogue = discover_plugins()
    schema, omitted = build_recipe_json_schema(catalogue)
    validator = Draft202012Validator(schema)
    entries = catalogue.for_kind("losses")
    assert not set(omitted) & {entry.qualified_name for entry in entries}
    for entry in entries:
        recipe = merge_into_paper(format_snippet(entry, load_component(entry)))
        assert [error.message for error in validator.iter_errors(recipe)] == [], entry.qualified_name
    misspelt = merge_into_paper('terms.task.x = { use = "no_such_loss" }')
    assert list(validator.iter_errors(misspelt))


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.name)
def test_shipped_recipes_are_accepted_and_name_the_schema(path, find_errors):
    text = path.read_text()
    assert find_errors(tomllib.loads(text)) == []
    # editors take the path as it is written, whatever the link recipes/ leads to
    schema_path = path.parent / text.splitlines()[0].removeprefix("#:schema ")
    assert Path(os.path.normpath(schema_path)) == ROOT / "docs/recipe.schema.json"


@pytest.mark.parametrize(
    "text",
    [
        'params.alpha = { use = "linear", from = 0.0, to = 0.3, end = "20 epochs" }',
        'params.alpha = { equals = "1 - beta" }',
        'terms.task.color.weight = { use = "zerokd:cosine", from = 0, to = 1 }',
        'terms.task.color.when = { from = "5 epochs", every = "2 steps" }',
        'terms.distillation.curve_map.adapt = [{ use = "match_iterations" }]',
        'stages.distill.optimizer = { use = "sgd", momentum = 0.9, clip_norm = "off" }',
        'stages.distill.optimizer.learning_rate = { use = "one_cycle", peak = 0.1 }',
        'stages.distill.optimizer = { use = "torch", name = "RMSprop", alpha = 0.9 }',
        'stages.distill.optimizer.groups = [{ match = "*.bias", weight_decay = 0.0 }]',
        "stages.distill.optimizer.betas = [0.8, 0.9]",
        "threads = 1\ndiagnose_every = 5",
    ],
)
def test_what_zerokd_accepts(text, find_errors, build):
    assert find_errors(merge_into_paper(text)) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("colour = 1", "$"),
        ('name = "../up"', "$.name"),
        ("seed = true", "$.seed"),
        ("params.alpha = true", "$.params.alpha"),
        ('params.alpha = { use = "linear", from = 0.0 }', "$.params.alpha"),
        ("params.alpha = { to = 0.3 }", "$.params.alpha"),
        ("terms.task.color.weight = -1", "$.terms.task.color.weight"),
        ("terms.task.color.wieght = 1", "$.terms.task.color"),
        ('terms.task.color.use = "colour"', "$.terms.task.color.use"),
        ('terms.task.color.on = { image = "low" }', "$.terms.task.color.on"),
        ("terms.feature_matching.deep.on = 3", "$.terms.feature_matching.deep.on"),
        ('terms.task.color.when = { every = "2" }', "$.terms.task.color.when.every"),
        ("terms.task.exposure.dark_target = 1.5", "$.terms.task.exposure.dark_target"),
        ('terms.distillation.curve_map.adapt = ["gpa"]', "$.terms.distillation.curve_map.adapt[0]"),
        ("models.ema.decay = 1.0", "$.models.ema.decay"),
        ('models.teacher.use = "nano_dse"', "$.models.teacher.use"),
        ("stages.distill.optimizer.learning_rat = 1.0", "$.stages.distill.optimizer"),
        ('stages.distill.optimizer = { use = "sgd", nestorov = true }', "$.stages.distill.optimizer"),
        ('stages.distill.optimizer = { use = "torch" }', "$.stages.distill.optimizer"),
        ("stages.distill.optimizer.clip_norm = 0.0", "$.stages.distill.optimizer.clip_norm"),
        ('stages.distill.optimizer.learning_rate = { use = "one_cycle" }', "$.stages.distill.optimizer.learning_rate"),
        ("stages.distill.epochs = 0", "$.stages.distill.epochs"),
        ("data.size = 1.5", "$.data.size"),
    ],
)
def test_what_an_editor_marks(text, path, find_errors):
    assert path in find_errors(merge_into_paper(text))


def test_a_port_that_has_to_be_bound(find_errors):
    recipe = copy.deepcopy(PAPER)
    del recipe["terms"]["feature_matching"]["deep"]["on"]["teacher"]
    assert find_errors(recipe) == ["$.terms.feature_matching.deep.on"]


@pytest.mark.parametrize("key", ["name", "run", "data", "models", "stages", "terms"])
def test_a_key_may_be_left_out_only_where_a_recipe_extends_another(key, find_errors):
    recipe = {name: value for name, value in PAPER.items() if name != key}
    assert find_errors(recipe) == ["$"]
    assert find_errors(recipe | {"extends": "paper.toml"}) == []


def test_a_table_may_be_in_part_only_where_a_recipe_extends_another(find_errors):
    partial = {
        "extends": "paper.toml",
        "terms": {"task": {"color": {"weight": 2.0}}},
        "models": {"ema": {"decay": 0.9}},
    }
    assert find_errors(partial) == []
    assert "$.terms.task.color" in find_errors({**PAPER, "terms": partial["terms"]})


def test_a_component_that_cannot_be_imported_is_left_out(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import zerokd\n@zerokd.hookimpl\ndef zerokd_losses():\n"
        "    return [zerokd.LossSpec('lost', target='nowhere.at_all:Lost', summary='gone')]\n"
    )
    schema, omitted = build_recipe_json_schema(discover_plugins([tmp_path / "mine.py"]))
    assert "loss_lost" not in schema["$defs"]
    assert len(omitted) == 1
    assert omitted[0].startswith("omitted mine:lost: ")
