"""Runs: each weighting repeats, loses nothing where a run is killed, and says what it did."""

import json
from pathlib import Path

import pytest
import safetensors.torch

import zerokd
from zerokd.run.checkpointer import Checkpointer

RECIPE = Path(__file__).parents[1] / "recipes" / "paper_uncertainty.toml"
AGGREGATE = "stages.distill.aggregate"
NAMES = ("uncertainty", "dwa", "relobralo", "gradnorm")
STEPS_BEFORE_KILL = 13  # in the second stage: one step into its fourth epoch
TINY = {
    "data.size": 32,
    "data.count": 8,
    "threads": 1,
    "checkpoint_seconds": 0.0,
    "stages.pretrain.epochs": 1,
    "stages.distill.epochs": 5,
    "stages.distill.batch": 2,
    "terms.distillation.perceptual.weights": "random",
    "terms.task.spatial.when": {"every": "3 steps"},  # a term that rests
    "terms.task.exposure.weight": {"use": "linear", "from": 0.0, "to": 10.0, "start": "1 epochs", "end": "3 epochs"},
}


class KilledError(BaseException):
    """The end of a process, simulated: nothing that waits for an exception may go on."""


def train(folder, use, **options):
    changes = {**TINY, AGGREGATE: {"use": use}}
    return zerokd.train(RECIPE, out=folder, set=changes, progress=False, **options)


def kill_after(monkeypatch, step):
    saved = {}

    def after_step(self, state, step_log):
        real(self, state, step_log)
        if state.stage.name == "distill" and step_log.step == step:
            saved.update({name: tensor.clone() for name, tensor in state.state_dict().items()})
            raise KilledError

    real = Checkpointer.after_step
    monkeypatch.setattr(Checkpointer, "after_step", after_step)
    return saved


@pytest.mark.parametrize("use", NAMES)
def test_a_run_that_is_killed_goes_on_to_the_same_bytes(tmp_path, use):
    whole = train(tmp_path / "whole", use)
    with pytest.MonkeyPatch.context() as patch:
        state = kill_after(patch, STEPS_BEFORE_KILL)
        with pytest.raises(KilledError):
            train(tmp_path / "killed", use)
    (checkpoint, *_) = sorted((tmp_path / "killed" / "checkpoints").glob("*.safetensors"), reverse=True)
    stored = safetensors.torch.load_file(checkpoint)
    own = {name for name in state if name.startswith(".aggregator/")}
    assert own
    assert own <= stored.keys()
    assert any(stored[name].any() for name in own)
    train(tmp_path / "killed", use, resume=True)
    for file in ("student.safetensors", "metrics.jsonl"):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    manifest = whole.manifest
    assert manifest["plugins"][f"zerokd-weighting:{use}"] == "zerokd-weighting 0.1.0"
    assert f"aggregator '{use}' multiplies the terms' gradients by factors, at first 1:" in "".join(
        manifest["stages"][1]["probe"]["notes"]
    )
    assert f"Factors by aggregator {use}" in whole.report.read_text(encoding="utf-8")


@pytest.mark.parametrize("use", NAMES)
def test_terms_that_rest_have_no_factor_and_later_one_of_their_own(tmp_path, use):
    lines = [json.loads(line) for line in (train(tmp_path / "run", use).folder / "metrics.jsonl").open()]
    steps = [line["terms"] for line in lines if line["kind"] == "step" and line["stage"] == "distill"]
    assert [index for index, terms in enumerate(steps) if "task.spatial" in terms] == [*range(0, len(steps), 3)]
    first = next(index for index, terms in enumerate(steps) if "task.exposure" in terms)
    assert first > 1
    assert steps[first]["task.exposure"]["factor"] == pytest.approx(1.0, abs=0.05)
    factors = [terms["distillation.enhanced"]["factor"] for terms in steps]
    assert factors[0] == pytest.approx(1.0)
    assert max(abs(factor - 1) for factor in factors) > 1e-3
    assert all("factor" in term for terms in steps for term in terms.values())


def test_the_sum_of_the_factors_of_all_terms_is_their_number(tmp_path):
    changes = {key: value for key, value in TINY.items() if not key.startswith("terms.task")}
    run = zerokd.train(RECIPE, out=tmp_path / "run", set={**changes, AGGREGATE: {"use": "gradnorm"}}, progress=False)
    for step in run.steps:
        factors = [value for key, value in step.items() if key.endswith(".factor")]
        assert sum(factors) == pytest.approx(len(factors), rel=1e-4)
    assert factors
