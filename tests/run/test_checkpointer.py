"""When checkpoints are kept: by the clock, and when the run is asked to stop."""

import signal
from types import SimpleNamespace

import pytest
import torch

from zerokd.errors import StoppedError
from zerokd.run.checkpointer import Keeper
from zerokd.run.interrupt import Stop
from zerokd.training.checkpoint import load
from zerokd.training.nonfinite_policy import Guard


def parts(step=5, stage="distill"):
    """What a keeper asks of a training and of its metrics."""
    given = []
    training = SimpleNamespace(
        phase=SimpleNamespace(name=stage), state=lambda: {"student/a": torch.ones(2)}, restore=given.append
    )
    return training, SimpleNamespace(step=step, flushed=lambda: 77, go_on=given.append), given


def keeper(tmp_path, every=1e9, stop=None, **more):
    return Keeper(tmp_path / "checkpoints", every, stop or Stop(), more.pop("guard", Guard(0)), **more)


def test_nothing_is_kept_before_its_time_and_something_at_it(tmp_path):
    training, metrics, _ = parts()
    keeper(tmp_path).after_step(training, metrics)
    assert not (tmp_path / "checkpoints").exists()
    keeper(tmp_path, every=0.0).after_step(training, metrics)
    facts = load(tmp_path / "checkpoints")[0].facts
    assert (facts["stage"], facts["step"], facts["metrics"], facts["skipped"]) == ("distill", 5, 77, 0)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_asked_to_stop_keeps_what_it_has_and_says_how_to_go_on(tmp_path, number, code):
    training, metrics, _ = parts()
    stop = Stop()
    stop.asked = number
    with pytest.raises(StoppedError, match=f"zerokd resume {tmp_path}") as caught:
        keeper(tmp_path, stop=stop).after_step(training, metrics)
    assert caught.value.exit_code == code
    assert load(tmp_path / "checkpoints")[0].facts["step"] == 5


def test_only_the_stage_of_the_checkpoint_is_given_it_back_once(tmp_path):
    training, metrics, _ = parts()
    first = keeper(tmp_path, guard=Guard(9, 4))
    first.done["pretrain"] = {"channels": 8}
    first.keep(training, metrics)
    found = load(tmp_path / "checkpoints")[0]
    second = keeper(tmp_path, guard=Guard(9), found=found)
    assert (second.done, second.metrics_length, second.guard.skipped) == ({"pretrain": {"channels": 8}}, 77, 4)
    assert second.seconds >= found.facts["seconds"]
    other, metrics, given = parts(stage="pretrain")
    second.begin(other, metrics)
    assert given == []
    training, metrics, given = parts()
    second.begin(training, metrics)
    assert given == [found.tensors, 5]
    second.begin(training, metrics)
    assert len(given) == 2
