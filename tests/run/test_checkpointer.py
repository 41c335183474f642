"""When checkpoints are saved: by the clock, and when the run is asked to stop."""

import signal
from types import SimpleNamespace

import pytest
import torch

from zerokd.errors import StoppedError
from zerokd.run.checkpointer import Checkpointer
from zerokd.run.interrupt import StopRequest
from zerokd.training.checkpoint import load_checkpoint
from zerokd.training.nonfinite_policy import NonFinitePolicy


def stage_and_log(step=5, stage="distill"):
    """Stand-ins for a stage's state and its step log, and the list of what is restored into them."""
    restored = []
    state = SimpleNamespace(
        stage=SimpleNamespace(name=stage),
        state_dict=lambda: {"student/a": torch.ones(2)},
        load_state_dict=restored.append,
    )
    return state, SimpleNamespace(step=step, flush=lambda: 77, resume=restored.append), restored


def create_checkpointer(tmp_path, every=1e9, stop=None, **more):
    return Checkpointer(
        tmp_path / "checkpoints", every, stop or StopRequest(), more.pop("guard", NonFinitePolicy(0)), **more
    )


def test_nothing_is_kept_before_its_time_and_something_at_it(tmp_path):
    state, step_log, _ = stage_and_log()
    create_checkpointer(tmp_path).after_step(state, step_log)
    assert not (tmp_path / "checkpoints").exists()
    create_checkpointer(tmp_path, every=0.0).after_step(state, step_log)
    metadata = load_checkpoint(tmp_path / "checkpoints")[0].metadata
    assert (metadata["stage"], metadata["step"], metadata["metrics"], metadata["skipped"]) == ("distill", 5, 77, 0)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_asked_to_stop_keeps_what_it_has_and_says_how_to_go_on(tmp_path, number, code):
    state, step_log, _ = stage_and_log()
    stop = StopRequest()
    stop.signal_number = number
    with pytest.raises(StoppedError, match=f"zerokd resume {tmp_path}") as caught:
        create_checkpointer(tmp_path, stop=stop).after_step(state, step_log)
    assert caught.value.exit_code == code
    assert load_checkpoint(tmp_path / "checkpoints")[0].metadata["step"] == 5


def test_only_the_stage_of_the_checkpoint_is_given_it_back_once(tmp_path):
    state, step_log, _ = stage_and_log()
    first = create_checkpointer(tmp_path, guard=NonFinitePolicy(9, 4))
    first.finished_stages["pretrain"] = {"channels": 8}
    first.save(state, step_log)
    saved = load_checkpoint(tmp_path / "checkpoints")[0]
    second = create_checkpointer(tmp_path, guard=NonFinitePolicy(9), checkpoint=saved)
    assert (second.finished_stages, second.metrics_length, second.nonfinite_policy.skipped_steps) == (
        {"pretrain": {"channels": 8}},
        77,
        4,
    )
    assert second.training_seconds >= saved.metadata["seconds"]
    other, step_log, restored = stage_and_log(stage="pretrain")
    second.restore_stage(other, step_log)
    assert restored == []
    state, step_log, restored = stage_and_log()
    second.restore_stage(state, step_log)
    assert restored == [saved.tensors, 5]
    second.restore_stage(state, step_log)
    assert len(restored) == 2
