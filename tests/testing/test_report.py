"""Checks told without pytest."""

import json

import pytest

from tests.testing.test_kit import FILE
from zerokd.plugin.host import discover
from zerokd.testing.report import as_json, as_text, failed, outcomes


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "mine.py"
    path.write_text(FILE.replace("image.mean(dim=(1, 2, 3))", "image.mean()"))
    return list(outcomes("mine", discover([path])))


def test_passed_known_and_failed_are_told_apart_with_their_reasons(found):
    states = {one.check: one.state for one in found}
    assert (states["config_strict"], states["docstring"]) == ("passed", "known")
    assert states["value_per_image"] == states["misspelt"] == "FAILED"
    told = {one.check: one.told for one in found}
    assert told["value_per_image"] == "returned the shape () for 1 images, not (1,)"
    assert told["docstring"] == "this is a test"
    assert failed(found)


def test_text_and_json(found):
    text = as_text(found)
    assert text.splitlines()[0] == "flat"
    assert "  FAILED value_per_image" in text
    counts = [sum(one.state == state for one in found) for state in ("passed", "known", "FAILED")]
    assert text.splitlines()[-1] == "{} passed, {} known failures, {} failed".format(*counts)
    assert json.loads(json.dumps(as_json(found)))[0]["subject"] == "flat"


def test_a_built_in_fails_nothing():
    assert not failed(list(outcomes("mse", discover())))


def test_a_class_that_cannot_be_loaded_fails_and_the_others_are_checked(tmp_path):
    hook = 'return [zerokd.LossSpec("flat", target=f"{__name__}:Flat", summary="a test")]'
    more = hook.replace("[zerokd", '[zerokd.LossSpec("gone", target="nowhere.at_all:Gone", summary="a test"), zerokd')
    (tmp_path / "mine.py").write_text(FILE.replace(hook, more))
    found = list(outcomes("mine", discover([tmp_path / "mine.py"])))
    assert [(one.subject, one.check) for one in found if one.check == "loads"] == [("gone", "loads")]
    assert "No module named 'nowhere'" in found[0].told
    assert any(one.subject == "flat" and one.state == "passed" for one in found)
