"""Snippets: each passes the whole check, up to the probe of its stages, in a shipped recipe."""

import tomllib
from pathlib import Path

import pytest
from PIL import Image
from pydantic import Field

import zerokd
from tests.conftest import RECIPES, TINY
from zerokd.describe.snippet import TABLE_BUILDERS, format_snippet
from zerokd.files.digest import file_sha256
from zerokd.plugin.catalogue import CatalogueEntry, Provider
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.kinds import KINDS
from zerokd.plugin.loading import load_component
from zerokd.recipe.build.overrides import apply_options_and_validate
from zerokd.recipe.build.resolver import resolve_recipe
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run.plan import prepare_run
from zerokd.training.device import choose_device

CATALOGUE = discover_plugins()
NEEDED = {  # what a test may not do: fetch weights, or use a key of one source with another
    "vgg_perceptual": ['terms.distillation.vgg_perceptual.weights="random"'],
    "self_supervised": ['run=["pretrain", "distill", "self_supervised"]'],
    "distillation": ['run=["pretrain", "distill", "distillation"]'],
}
# these give no curve map, which the terms of paper.toml read
BASES = {"auto_exposure": "best.toml", "dncnn": "noise2noise.toml", "unet": "noise2noise.toml"}
BASES |= {"zero_dce": "published/zero_dce.toml"}
BASES |= dict.fromkeys(("patch", "adversarial", "discrimination", "gradient_penalty"), "adversarial.toml")
BASES |= dict.fromkeys(("exported_model", "onnx_model", "torchscript_model"), "fidelity.toml")
TWINS = {  # the recipe's own term on the same signals: both weighed would be the same term twice
    "adversarial": ["adversarial.score"],
    "color_constancy": ["task.color"],
    "contrastive": ["contrastive.ema"],
    "discrimination": ["discrimination.scores"],
    "gradient_penalty": ["penalty.slope"],
    "mse": ["distillation.enhanced"],
    "spatial_consistency": ["task.spatial"],
    "ssim": ["distillation.structure"],
    "total_variation": ["task.smoothness"],
    "vgg_perceptual": ["distillation.perceptual"],
    "match_iterations": ["distillation.curve_map"],
}


def test_every_kind_has_its_place_in_a_recipe_but_exporters():
    assert {*TABLE_BUILDERS, *(plural for plural, kind in KINDS.items() if kind.recipe_table)} == {*KINDS} - {
        "exporters"
    }


def test_an_exporter_has_its_command():
    class Half(zerokd.Exporter):
        class Config(zerokd.Config):
            bits: int = Field(ge=8)

    assert (
        format_snippet(external_entry("exporters", "half"), Half)
        == "zerokd export STUDENT --format mine:half --set bits=8\n"
    )


@pytest.mark.parametrize(
    "entry",
    [entry for entry in CATALOGUE.entries if entry.spec.kind != "exporters"],
    ids=lambda entry: entry.qualified_name,
)
def test_the_snippet_of_a_built_in_passes_every_check(entry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for number in range(4):
        Image.new("RGB", (40, 40), (40 * number, 20, 10)).save(tmp_path / "photos" / f"{number}.png")
    for path in load_component(entry).write_example(tmp_path).values():
        monkeypatch.setenv("ZEROKD_TRUSTED_FILES", file_sha256(path))
        Path(path).rename(tmp_path / f"teacher{Path(path).suffix}")
    text = format_snippet(entry, load_component(entry))
    (tmp_path / "mine.toml").write_text(f"extends = '{RECIPES / BASES.get(entry.spec.name, 'paper.toml')}'\n{text}")
    other_base = entry.spec.name in BASES
    tiny = [key for key in TINY if not (other_base and key.startswith(("stages.", "terms.")))]
    small = [key for key in tiny if entry.spec.name != "folder" or "count" not in key]
    twins = [f"terms.{label}.monitor=true" for label in TWINS.get(entry.spec.name, ())]
    document, recipe = apply_options_and_validate(
        read_recipe_document("mine.toml"), [*small, *NEEDED.get(entry.spec.name, ()), *twins]
    )
    components = resolve_recipe(recipe, document, CATALOGUE)
    assert entry.qualified_name in {used.qualified_name for used in components.used_entries}
    plan = prepare_run(components, choose_device("cpu"))
    assert len(plan.accumulators) == len(recipe.run)
    leaves = tomllib.loads(text)
    while not isinstance(leaves.get("use"), str):
        (leaves,) = leaves.values()
    adapters = [adapter["use"] if isinstance(adapter, dict) else adapter for adapter in leaves.get("adapt", ())]
    assert entry.spec.name in (leaves["use"], *adapters)


class Ports(zerokd.Loss):
    class Config(zerokd.Config):
        start: float = Field(gt=0.0, alias="from")
        steps: int = 3

    ports = {
        "a": zerokd.Port("trained", grad=True),
        "b": zerokd.Port("frozen"),
        "c": zerokd.Port("the input", default="low"),
        "d": zerokd.Port("shown", example="student.features.e_conv1"),
    }


def external_entry(kind, name):
    return CatalogueEntry(zerokd.Spec(name, kind=kind, target="a:B", summary="a test"), Provider("mine", "1"))


def test_a_term_binds_what_has_no_default_and_says_what_is_required():
    assert format_snippet(external_entry("losses", "ports"), Ports).splitlines() == [
        "[terms.distillation.ports]",
        'use = "mine:ports"',
        'on = { a = "student.enhanced", b = "teacher.enhanced", d = "student.features.e_conv1" }',
        "from = 1",
    ]


def test_an_adapter_with_required_keys_is_written_as_a_table():
    class Pool(zerokd.Adapter):
        class Config(zerokd.Config):
            side: int = Field(ge=2)

    assert (
        'adapt = [{ use = "mine:pool", side = 2 }]'
        in format_snippet(external_entry("adapters", "pool"), Pool).splitlines()
    )


@pytest.mark.parametrize(
    ("needs", "objective"),
    [
        ((), "task"),
        (("student",), "task"),
        (("student", "teacher"), "task + distillation"),
        (("ema", "student"), "task + contrastive"),
    ],
)
def test_the_objective_of_a_stage_reads_what_the_stage_needs(needs, objective):
    class Custom(zerokd.Stage):
        pass

    Custom.needs = needs
    assert f'objective = "{objective}"' in format_snippet(external_entry("stages", "custom"), Custom).splitlines()


def test_a_model_with_weights_is_a_teacher_and_one_without_a_student():
    class Net(zerokd.Model):
        pass

    bundled = CatalogueEntry(
        zerokd.ModelSpec("net", target="a:B", summary="x", bundled="p:w.safetensors"), Provider("mine")
    )
    note = "# terms read its outputs, and its layers as features.NAME"
    assert format_snippet(bundled, Net).splitlines() == [
        "[models.teacher]",
        'use = "mine:net"',
        'weights = "bundled"',
        note,
    ]
    assert format_snippet(external_entry("models", "net"), Net).splitlines() == [
        "[models.student]",
        'use = "mine:net"',
        note,
    ]


def test_a_model_that_can_only_be_frozen_is_a_teacher():
    class Net(zerokd.Model):
        is_frozen = True

    assert format_snippet(external_entry("models", "net"), Net) == '[models.teacher]\nuse = "mine:net"\n'
