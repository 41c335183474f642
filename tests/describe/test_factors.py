"""The factors of a run, read back from its log and shown with its equation."""

import json

import pytest

import zerokd
from tests.command import zerokd as zerokd_command
from tests.weighting import SETTING, write_plugin
from zerokd.describe.factors import FactorHistory, open_recipe_or_run, read_factors
from zerokd.errors import RunFolderError

SMALL = {"data.size": 32, "data.count": 6, "threads": 1, "terms.distillation.perceptual.weights": "random"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("factors")
    key, _, value = SETTING.partition("=")
    options = {"set": SMALL | {key: json.loads(value)}, "epochs": 10, "progress": False}
    return zerokd.train("paper", out=folder / "run", plugins=[write_plugin(folder)], **options)


def test_factors_are_the_formula_of_the_logged_values(run):
    distill = [step for step in run.steps if step["stage"] == "distill"]
    label, total = "distillation.enhanced", 0.0
    for step in distill:
        assert step[f"{label}.factor"] == pytest.approx(1 / (1 + total), rel=1e-5)
        total += step[label]
    assert not any("factor" in key for step in run.steps if step["stage"] == "pretrain" for key in step)
    history = read_factors(run.folder / "metrics.jsonl")
    assert list(history) == ["distill"]
    values = [step[f"{label}.factor"] for step in distill]
    assert len(values) > 2
    assert history["distill"][label] == FactorHistory(values[0], values[-1], min(values), max(values))


def test_a_folder_that_is_no_run_is_refused_and_a_name_means_the_shipped_recipe(tmp_path, monkeypatch):
    with pytest.raises(RunFolderError, match="is not a run folder"):
        open_recipe_or_run(str(tmp_path))
    (tmp_path / "paper").mkdir()
    monkeypatch.chdir(tmp_path)
    assert open_recipe_or_run("paper") == ("paper", {})
    assert open_recipe_or_run("x.toml") == ("x.toml", {})


def test_explain_shows_what_the_aggregator_did(run):
    plugin = ("--plugin", run.folder.parent / "falling.py")
    done = zerokd_command("explain", run.folder, *plugin)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "aggregator 'falling' multiplies the terms' gradients by factors. Lowers the factor of a term by" in text
    last = run.steps[-1]["distillation.enhanced.factor"]
    assert f"x factor 1 at first, {last:.4g} at last, in {last:.4g}..1" in text
    stages = json.loads(zerokd_command("explain", run.folder, *plugin, "--json").stdout)["stages"]
    assert stages[0]["factors"] == {}
    assert stages[1]["factors"]["distillation.enhanced"]["last"] == last


def test_the_report_draws_them(run):
    text = run.report.read_text(encoding="utf-8")
    assert text.count("Factors by aggregator falling") == 1
    assert text.count("Aggregator: falling;") == 1


def test_the_evidence_and_the_epochs_have_them(run):
    stage = run.manifest["stages"][1]
    assert "multiplies the terms' gradients by factors, at first 1" in stage["probe"]["notes"][0]
    steps = [step["task.color.factor"] for step in run.steps if step["stage"] == "distill" and step["epoch"] == 1]
    (epoch,) = [epoch for epoch in run.epochs if epoch["stage"] == "distill" and epoch["epoch"] == 1]
    assert epoch["task.color.factor"] == pytest.approx(sum(steps) / len(steps))
