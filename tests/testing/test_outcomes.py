"""Checks told without pytest."""

import json

import pytest

from tests.phases import record_phases
from tests.testing.test_collection import FILE
from zerokd.plugin.discovery import discover_plugins
from zerokd.testing import outcomes as module
from zerokd.testing.outcomes import (
    CheckOutcome,
    check_outcomes_as_json,
    describe_check_outcomes,
    has_failed_checks,
    run_checks,
)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "mine.py"
    path.write_text(FILE.replace("image.mean(dim=(1, 2, 3))", "image.mean()"))
    return list(run_checks("mine", discover_plugins([path])))


def test_passed_known_and_failed_are_told_apart_with_their_reasons(outcomes):
    states = {outcome.check: outcome.state for outcome in outcomes}
    assert (states["config_strict"], states["docstring"]) == ("passed", "known")
    assert states["value_per_image"] == states["misspelt"] == "FAILED"
    reasons = {outcome.check: outcome.reason for outcome in outcomes}
    assert reasons["value_per_image"] == "returned the shape () for 1 images, not (1,)"
    assert reasons["docstring"] == "this is a test"
    assert has_failed_checks(outcomes)


def test_text_and_json(outcomes):
    text = describe_check_outcomes(outcomes)
    assert text.splitlines()[0] == "flat"
    assert "  FAILED value_per_image" in text
    counts = [sum(outcome.state == state for outcome in outcomes) for state in ("passed", "known", "FAILED")]
    assert text.splitlines()[-1] == "{} passed, {} known failures, {} failed".format(*counts)
    assert json.loads(json.dumps(check_outcomes_as_json(outcomes)))[0]["subject"] == "flat"


def test_a_built_in_fails_nothing():
    assert not has_failed_checks(list(run_checks("mse", discover_plugins())))


def test_a_class_that_cannot_be_loaded_fails_and_the_others_are_checked(tmp_path):
    hook = 'return [zerokd.LossSpec("flat", target=f"{__name__}:Flat", summary="a test")]'
    more = hook.replace("[zerokd", '[zerokd.LossSpec("gone", target="nowhere.at_all:Gone", summary="a test"), zerokd')
    (tmp_path / "mine.py").write_text(FILE.replace(hook, more))
    outcomes = list(run_checks("mine", discover_plugins([tmp_path / "mine.py"])))
    assert [(outcome.subject, outcome.check) for outcome in outcomes if outcome.check == "loads"] == [("gone", "loads")]
    assert "No module named 'nowhere'" in outcomes[0].reason
    assert any(outcome.subject == "flat" and outcome.state == "passed" for outcome in outcomes)


def test_failures_alone_with_the_counts_of_all():
    outcomes = [
        CheckOutcome("smooth", "finite", "finite on black", "passed"),
        CheckOutcome("smooth", "scale", "a mean", "FAILED", "it is a sum"),
    ]
    text = describe_check_outcomes(outcomes, failures_only=True)
    assert text.splitlines()[0] == "smooth"
    assert "finite on black" not in text
    assert "it is a sum" in text
    assert text.endswith("1 passed, 0 known failures, 1 failed")


def test_each_check_is_a_phase(monkeypatch):
    texts = record_phases(monkeypatch, module)
    checked = list(run_checks("zerokd:constant", discover_plugins()))
    numbered = enumerate(checked, 1)
    assert texts == [f"check {n} of {len(checked)}: {outcome.check} of {outcome.subject}" for n, outcome in numbered]
