"""One number throughout."""

import numpy as np

from zerokd import Clock
from zerokd.schedules.constant import Constant


def test_it_never_changes():
    assert Constant(value=0.25).values(np.arange(4.0), Clock(4, 2)).tolist() == [0.25] * 4
