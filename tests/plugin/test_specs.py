"""Records are checked when they are made, and import nothing until asked."""

import sys

import pytest

from zerokd import LossSpec
from zerokd.plugin.specs import KINDS, SINGULAR


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
    assert set(SINGULAR) == set(KINDS)
