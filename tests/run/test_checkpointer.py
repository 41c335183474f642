"""When checkpoints are kept: by the clock, and when the run is asked to stop."""

import signal
from types import SimpleNamespace

import pytest
import torch

from zerokd.errors import StoppedError
from zerokd.run.checkpointer import Checkpointer
from zerokd.run.interrupt import StopRequest
from zerokd.training.checkpoint import load_checkpoint
from zerokd.training.nonfinite_policy import NonFinitePolicy


def parts(step=5, stage="distill"):
    """What a keeper asks of a training and of its metrics."""
    given = []
    training = SimpleNamespace(
        phase=SimpleNamespace(name=stage), state=lambda: {"student/a": torch.ones(2)}, restore=given.append
    )
    return training, SimpleNamespace(step=step, flushed=lambda: 77, go_on=given.append), given


def keeper(tmp_path, every=1e9, stop=None, **more):
    return Checkpointer(
        tmp_path / "checkpoints", every, stop or StopRequest(), more.pop("guard", NonFinitePolicy(0)), **more
    )


def test_nothing_is_kept_before_its_time_and_something_at_it(tmp_path):
    training, metrics, _ = parts()
    keeper(tmp_path).after_step(training, metrics)
    assert not (tmp_path / "checkpoints").exists()
    keeper(tmp_path, every=0.0).after_step(training, metrics)
    facts = load_checkpoint(tmp_path / "checkpoints")[0].metadata
    assert (facts["stage"], facts["step"], facts["metrics"], facts["skipped"]) == ("distill", 5, 77, 0)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_asked_to_stop_keeps_what_it_has_and_says_how_to_go_on(tmp_path, number, code):
    training, metrics, _ = parts()
    stop = StopRequest()
    stop.signal_number = number
    with pytest.raises(StoppedError, match=f"zerokd resume {tmp_path}") as caught:
        keeper(tmp_path, stop=stop).after_step(training, metrics)
    assert caught.value.exit_code == code
    assert load_checkpoint(tmp_path / "checkpoints")[0].metadata["step"] == 5


def test_only_the_stage_of_the_checkpoint_is_given_it_back_once(tmp_path):
    training, metrics, _ = parts()
    first = keeper(tmp_path, guard=NonFinitePolicy(9, 4))
    first.finished_stages["pretrain"] = {"channels": 8}
    first.save(training, metrics)
    found = load_checkpoint(tmp_path / "checkpoints")[0]
    second = keeper(tmp_path, guard=NonFinitePolicy(9), found=found)
    assert (second.finished_stages, second.metrics_length, second.nonfinite_policy.skipped_steps) == (
        {"pretrain": {"channels": 8}},
        77,
        4,
    )
    assert second.training_seconds >= found.metadata["seconds"]
    other, metrics, given = parts(stage="pretrain")
    second.restore_stage(other, metrics)
    assert given == []
    training, metrics, given = parts()
    second.restore_stage(training, metrics)
    assert given == [found.tensors, 5]
    second.restore_stage(training, metrics)
    assert len(given) == 2
