"""A warm-up, then half a cosine."""

import numpy as np
import pytest

from zerokd import Clock
from zerokd.schedules.warmup_cosine import WarmupCosine


def test_by_hand():
    values = WarmupCosine(peak=2.0, warmup="2 steps", begin=1.0).values(np.arange(7.0), Clock(7, 7))
    root = 0.5**0.5
    assert values.tolist() == pytest.approx([1.0, 1.5, 2.0, 1 + root, 1.0, 1 - root, 0.0])


def test_without_warmup_it_is_a_cosine():
    from zerokd.schedules.cosine import Cosine

    clock, steps = Clock(9, 3), np.arange(9.0)
    cosine = Cosine(begin=0.5, to=0.1).values(steps, clock)
    assert WarmupCosine(peak=0.5, to=0.1, warmup="0 steps").values(steps, clock) == pytest.approx(cosine)


def test_a_warmup_longer_than_the_stage_is_cut():
    values = WarmupCosine(peak=1.0, warmup="8 steps").values(np.arange(4.0), Clock(4, 2))
    assert values.tolist() == [0.0, 0.125, 0.25, 0.375]
