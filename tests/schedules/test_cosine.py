"""Half a cosine between two numbers."""

import numpy as np
import pytest

from zerokd import Clock
from zerokd.schedules.cosine import Cosine


def test_by_hand():
    result = Cosine(begin=2.0, to=0.0, end="4 steps").values(np.arange(6.0), Clock(6, 6))
    root = 0.5**0.5
    assert result.tolist() == pytest.approx([2, 1 + root, 1, 1 - root, 0, 0])


def test_symmetric_about_its_middle():
    result = Cosine(begin=0.1, to=0.7).values(np.arange(21.0), Clock(21, 7))
    assert (result + result[::-1]).tolist() == pytest.approx([0.8] * 21)
    assert (np.diff(result) > 0).all()
