"""One cycle, against PyTorch's."""

import numpy as np
import pytest
import torch

from zerokd import Clock
from zerokd.schedules.one_cycle import OneCycle


@pytest.mark.parametrize("steps", [10, 37, 200])
@pytest.mark.parametrize("rise", [0.3, 0.5])
def test_the_numbers_are_those_of_pytorch(steps, rise):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.2, total_steps=steps, pct_start=rise, div_factor=25, final_div_factor=1e4
    )
    expected = []
    for _ in range(steps):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        if len(expected) < steps:
            scheduler.step()
    values = OneCycle(peak=0.2, rise=rise).values(np.arange(float(steps)), Clock(steps, steps))
    np.testing.assert_allclose(values, expected, rtol=1e-9)


def test_a_stage_too_short_for_a_rise_falls_from_the_peak():
    assert OneCycle(peak=3.0, end_share=0.5).values(np.arange(2.0), Clock(2, 1)).tolist() == [3.0, 1.5]
    assert OneCycle(peak=3.0).values(np.arange(1.0), Clock(1, 1)).tolist() == [3.0]
