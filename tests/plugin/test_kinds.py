"""Records are checked when they are made, and import nothing until asked."""

import sys
from pathlib import Path

import pytest

import zerokd
from zerokd import LossSpec, ModelSpec
from zerokd.plugin import kinds
from zerokd.plugin.kinds import KINDS, Spec


@pytest.mark.parametrize(
    ("name", "target"),
    [("Mse", "a:B"), ("1st", "a:B"), ("two words", "a:B"), ("", "a:B"), ("mse", "a.B"), ("mse", "a:B:C"), ("mse", "")],
)
def test_a_record_that_names_nothing_usable_is_refused(name, target):
    with pytest.raises(ValueError, match="must match"):
        LossSpec(name, target=target, summary="a test")


@pytest.mark.parametrize("summary", ["two\nlines", "\x1b[31mred", "\x07", 3, None])
def test_a_summary_that_would_spoil_a_listing_is_refused(summary):
    with pytest.raises(ValueError, match="not one line of printable text"):
        LossSpec("mse", target="a:B", summary=summary)


def test_the_target_is_imported_on_first_use_only():
    sys.modules.pop("colorsys", None)
    spec = LossSpec("lazy", target="colorsys:rgb_to_hsv", summary="a test")
    assert "colorsys" not in sys.modules
    assert spec.load()(1.0, 1.0, 1.0) == (0.0, 0.0, 1.0)


def test_every_kind_has_a_word_for_one():
    assert all(kind.singular and kind.word.isalpha() and kind.plural == plural for plural, kind in KINDS.items())


def test_every_kind_has_its_public_names():
    for kind in KINDS.values():
        assert {kind.contract, kind.spec_name} <= set(zerokd.__all__)
        assert getattr(zerokd, kind.spec_name)("a", target="a:B", summary="") == Spec(
            "a", kind=kind.plural, target="a:B", summary=""
        )


def test_a_type_checker_sees_the_public_names_of_every_kind():
    text = Path(kinds.__file__).read_text(encoding="utf-8")
    assert all(f"\n    {kind.spec_name} = KindSpec\n" in text for kind in KINDS.values())


def test_a_kind_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="must be in"):
        Spec("mse", kind="loss", target="a:B", summary="a test")


def test_only_a_model_bundles_weights():
    assert ModelSpec("net", target="a:B", summary="a test", bundled="a:b.safetensors").bundled
    with pytest.raises(ValueError, match="a loss has no weights to bundle"):
        LossSpec("mse", target="a:B", summary="a test", bundled="a:b.safetensors")


def test_the_recipes_own_keys_are_those_of_its_tables():
    from zerokd.recipe.schema.recipe import MetricConfig, TermConfig

    for config in (TermConfig, MetricConfig):
        assert set(KINDS[config.kind].reserved_keys) == set(config.model_fields)


@pytest.mark.parametrize(("kind", "number", "text"), [("losses", 1, "1 loss"), ("data", 2, "2 data sources")])
def test_components_are_counted_in_words(kind, number, text):
    assert KINDS[kind].count(number) == text
