"""Durations carry their unit, and come to whole steps."""

import numpy as np
import pytest

from zerokd import Clock, Config, Duration

CLOCK = Clock(steps=100, steps_per_epoch=11)


@pytest.mark.parametrize(
    ("text", "steps"),
    [("500 steps", 500), ("1 step", 1), ("2 epochs", 22), ("1 epoch", 11), ("0.5 epochs", 6), ("0 steps", 0)],
)
def test_a_duration_in_steps(text, steps):
    assert CLOCK.to_steps(text) == steps


@pytest.mark.parametrize("text", ["500", "20", "-1 steps", "2  epochs", "1e3 steps", "2 Epochs", "epochs", "1 step\n"])
def test_what_has_no_unit_is_no_duration(text):
    class Wait(Config):
        time: Duration

    with pytest.raises(ValueError, match="a duration has a unit"):
        Wait(time=text)
    with pytest.raises(ValueError, match="a duration has a unit"):
        CLOCK.to_steps(text)


def test_progress_by_hand():
    steps = np.array([0.0, 10, 15, 20, 99])
    assert CLOCK.progress(steps, "10 steps", "20 steps").tolist() == [0, 0, 0.5, 1, 1]
    assert CLOCK.progress(np.array([0.0, 99.0]), "0 steps", None).tolist() == [0, 1]
    with pytest.raises(ValueError, match="starts at step 20 and ends at step 11"):
        CLOCK.progress(steps, "20 steps", "1 epoch")


def test_a_step_in_words_counts_from_one():
    assert CLOCK.describe_step(0) == "step 1 of 100 (epoch 1 of 10)"
    assert CLOCK.describe_step(11) == "step 12 of 100 (epoch 2 of 10)"
