"""Given numbers from given moments on."""

import numpy as np
import pytest
from pydantic import ValidationError

from zerokd import Clock
from zerokd.schedules.piecewise import Piecewise


def values(**config):
    return Piecewise(**config).values(np.arange(6.0), Clock(6, 2)).tolist()


def test_steps_by_hand():
    assert values(at=["1 step", "2 epochs"], values=[0.1, 0.5]) == [0.1, 0.1, 0.1, 0.1, 0.5, 0.5]


def test_lines_by_hand():
    assert values(at=["1 step", "2 epochs"], values=[0.0, 3.0], between="lines") == [0, 0, 1, 2, 3, 3]


def test_moments_must_rise():
    with pytest.raises(ValueError, match="do not rise: steps 4, 4"):
        values(at=["2 epochs", "4 steps"], values=[0.0, 3.0])


def test_each_moment_has_its_number():
    with pytest.raises(ValidationError, match="2 moments and values has 1 numbers"):
        Piecewise(at=["0 steps", "1 step"], values=[1.0])
