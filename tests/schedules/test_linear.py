"""A straight line between two numbers."""

import numpy as np
import pytest
from pydantic import ValidationError

from zerokd import Clock
from zerokd.schedules.linear import Linear


def values(count, per_epoch, **config):
    return Linear(**config).values(np.arange(float(count)), Clock(count, per_epoch)).tolist()


def test_by_hand():
    ramp = {"from": 1.0, "to": 0.0, "start": "1 step", "end": "2.5 epochs"}
    assert values(6, 2, **ramp) == [1, 1, 0.75, 0.5, 0.25, 0]
    assert values(5, 5, begin=0.0, to=1.0) == [0, 0.25, 0.5, 0.75, 1]


def test_a_stage_of_one_step_starts_at_the_start():
    assert values(1, 1, begin=0.5, to=1.0) == [0.5]


def test_an_end_before_the_start_is_refused():
    with pytest.raises(ValueError, match="starts at step 4 and ends at step 2"):
        values(9, 2, begin=0.0, to=1.0, start="4 steps", end="1 epoch")


def test_durations_need_a_unit():
    with pytest.raises(ValidationError, match="end"):
        Linear(begin=0.0, to=1.0, end="20")
