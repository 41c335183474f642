"""The resolved recipe: its values, their origins, and that it is the recipe that runs."""

import re
import tomllib

import pytest
from hypothesis import given, settings

import zerokd
from tests.conftest import RECIPES, TINY
from tests.recipe.toml.test_positions import TABLES
from zerokd.describe.resolved_recipe import fill_defaults, format_annotated_toml
from zerokd.errors import RecipeError
from zerokd.losses.color_constancy import ColorConstancy
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options_and_validate
from zerokd.recipe.build.resolver import resolve_recipe
from zerokd.recipe.schema.recipe import validate_recipe
from zerokd.recipe.toml.document import parse_document
from zerokd.recipe.toml.extends import read_recipe_document

BASE = """\
name = "base"
run = ["only"]
[data]
use = "dead_leaves"
size = 32
[models.student]
use = "nano_dce"
[stages.only]
use = "self_supervised"
objective = "task"
epochs = 3
[terms.task.exposure]
use = "exposure_control"
adapt = ["gap", { use = "adaptive_pool" }]
weight = 2
[terms.task.color]
use = "color_constancy"
on = { enhanced = "student.enhanced" }
"""
CHILD = """\
extends = "base.toml"
[terms.task.exposure]
weight = 3
patch = 4
"""
COMMENT = re.compile(r"^(?:(?P<key>[\w-]+) = (?P<value>.*?)|\[\[?(?P<header>[\w.-]+)\]\]?)(?: +# (?P<origin>.*))?$")


def shown(document, recipe):
    return format_annotated_toml(fill_defaults(recipe, document, discover_plugins()), document)


def read_origins(text):
    """Origin of every dotted key; elements of an array of tables are numbered."""
    origins, table, count = {}, "", {}
    for line in filter(None, text.splitlines()):
        match = COMMENT.match(line)
        if match["header"]:
            table = match["header"] + "."
            if line.startswith("[["):
                count[table] = count.get(table, -1) + 1
                table += f"{count[table]}."
        else:
            origins[table + match["key"]] = match["origin"]
    return origins


@pytest.fixture
def child(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.toml").write_text(BASE)
    (tmp_path / "child.toml").write_text(CHILD)
    return read_recipe_document("child.toml")


def test_every_value_says_where_it_comes_from(child):
    document, recipe = apply_options_and_validate(child, ["data.count=7"], data=None, epochs=5, seed=3)
    origins = read_origins(shown(document, recipe))
    assert origins == {
        "name": "base.toml:1",
        "run": "base.toml:2",
        "seed": "--seed 3",
        "threads": "default",
        "diagnose_every": "default",
        "export": "default",
        "measure_every": "default",
        "data.use": "base.toml:4",
        "data.size": "base.toml:5",
        "data.count": "--set data.count=7",
        "data.held_out": "default",
        "data.seed": "default",
        "data.darkness": "default",
        "data.lit": "default",
        "data.noise": "default",
        "models.student.use": "base.toml:7",
        "models.student.width": "default",
        "models.student.iterations": "default",
        "stages.only.use": "base.toml:9",
        "stages.only.objective": "base.toml:10",
        "stages.only.epochs": "--epochs 5",
        "stages.only.batch": "default",
        "stages.only.augment": "default",
        "stages.only.optimizer.learning_rate": "default",
        "stages.only.optimizer.final_learning_rate": "default",
        "stages.only.optimizer.weight_decay": "default",
        "stages.only.optimizer.clip_norm": "default",
        "stages.only.optimizer.use": "default",
        "stages.only.optimizer.groups": "default",
        "stages.only.optimizer.betas": "default",
        "stages.only.optimizer.eps": "default",
        "params": "default",
        "metrics": "default",
        "observers": "default",
        "signals": "default",
        "requires": "default",
        "checkpoint_seconds": "default",
        "speed.autocast": "default",
        "speed.cache": "default",
        "speed.cache_gib": "default",
        "speed.compile": "default",
        "speed.replay": "default",
        "speed.tf32": "default",
        "on_nonfinite": "default",
        "skip_at_most": "default",
        "terms.task.exposure.use": "base.toml:13",
        "terms.task.exposure.weight": "child.toml:3",
        "terms.task.exposure.monitor": "default",
        "terms.task.exposure.patch": "child.toml:4",
        "terms.task.exposure.level": "default",
        "terms.task.exposure.on.enhanced": "default",
        "terms.task.exposure.adapt.0.use": "base.toml:14",
        "terms.task.exposure.adapt.1.use": "base.toml:14",
        "terms.task.color.use": "base.toml:17",
        "terms.task.color.weight": "default",
        "terms.task.color.adapt": "default",
        "terms.task.color.monitor": "default",
        "terms.task.color.on.enhanced": "base.toml:18",
    }


def test_another_folder_keeps_the_origin_of_what_it_keeps(child, tmp_path):
    document, recipe = apply_options_and_validate(child, data="photos")
    origins = read_origins(shown(document, recipe))
    assert {key: origin for key, origin in origins.items() if key.startswith("data.") and origin != "default"} == {
        "data.use": "--data photos",
        "data.path": "--data photos",
        "data.size": "base.toml:5",
    }


@pytest.mark.parametrize("name", ["paper.toml", "teacher.toml"])
def test_what_is_shown_is_the_recipe_that_runs(name):
    document, recipe = apply_options_and_validate(read_recipe_document(RECIPES / name))
    text = shown(document, recipe)
    again = parse_document(text, "shown.toml")
    assert contains(again.tables, recipe.model_dump(mode="json", exclude_none=True))
    tables = fill_defaults(validate_recipe(again), again, discover_plugins())
    assert tables == fill_defaults(recipe, document, discover_plugins())  # nothing is left to fill in
    assert set(read_origins(format_annotated_toml(tables, again)).values()).isdisjoint({"default", None})


def contains(found, expected):
    if isinstance(expected, dict):
        return all(key in found and contains(found[key], value) for key, value in expected.items())
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(contains, found, expected))
    return found == expected


def test_what_is_shown_builds_the_same_components(build):
    small = apply_options_and_validate(read_recipe_document(RECIPES / "paper.toml"), TINY)
    again = parse_document(shown(*small), "shown.toml")
    rebuilt, built = resolve_recipe(validate_recipe(again), again, discover_plugins()), build()
    assert rebuilt.provenance == built.provenance
    assert [stage.coefficients for stage in rebuilt.stages] == [stage.coefficients for stage in built.stages]
    assert [(term.label, term.bindings, term.weight) for stage in rebuilt.stages for term in stage.terms] == [
        (term.label, term.bindings, term.weight) for stage in built.stages for term in stage.terms
    ]


def test_comments_are_aligned_and_a_long_line_moves_no_other(child):
    plain = shown(*apply_options_and_validate(child)).splitlines()
    (column,) = {line.index("  # ") for line in plain if " # " in line and line.split("  # ")[0][-1] != " "}
    assert {line.index("# ") for line in plain if "# " in line} == {column + 2}
    equation = "1.0*task" + " + 0*task" * 8
    longer = shown(*apply_options_and_validate(child, [f"stages.only.objective={equation}"])).splitlines()
    changed_lines = [line for line in longer if line not in plain]
    assert changed_lines == [f'objective = "{equation}"  # --set stages.only.objective={equation}']


def test_problems_of_every_component_come_together_at_their_places(child):
    document, recipe = apply_options_and_validate(
        child, ['data.use="dead_leafs"', "terms.task.exposure.patch=0", "models.student.x=1"]
    )
    with pytest.raises(RecipeError) as caught:
        fill_defaults(recipe, document, discover_plugins())
    assert [str(problem.place) for problem in caught.value.problems] == [
        '--set data.use="dead_leafs"',
        "--set models.student.x=1",
        "--set terms.task.exposure.patch=0",
    ]


def test_a_key_with_an_alias_is_shown_as_people_write_it(child, monkeypatch):
    from pydantic import Field

    class Config(zerokd.Config):
        start: float = Field(0.5, alias="from")
        end: float = Field(1.0, alias="to")

    monkeypatch.setattr(ColorConstancy, "Config", Config)
    text = shown(*apply_options_and_validate(child, ["terms.task.color.from=0.25"]))
    origins = read_origins(text)
    assert origins["terms.task.color.from"] == "--set terms.task.color.from=0.25"
    assert origins["terms.task.color.to"] == "default"
    color = tomllib.loads(text)["terms"]["task"]["color"]
    assert (color["from"], color["to"]) == (0.25, 1.0)


def test_a_setting_with_control_characters_stays_in_its_comment(child):
    text = shown(*apply_options_and_validate(child, ["terms.task.exposure.on.enhanced=a\n#\x1b[31m"]))
    assert tomllib.loads(text)["terms"]["task"]["exposure"]["on"]["enhanced"] == "a\n#\x1b[31m"
    assert (
        read_origins(text)["terms.task.exposure.on.enhanced"] == r"--set terms.task.exposure.on.enhanced=a\n#\x1b[31m"
    )


@settings(max_examples=150, deadline=None)
@given(TABLES)
def test_any_tables_are_written_so_that_they_read_back(tables):
    assert tomllib.loads(format_annotated_toml(tables, parse_document("", "x.toml"))) == tables
