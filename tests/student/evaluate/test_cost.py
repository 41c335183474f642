"""Parameters and multiplications, as they are known."""

import torch
from torch import nn

import zerokd
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp
from zerokd.student.evaluate import cost


def test_the_numbers_of_the_literature(monkeypatch):
    monkeypatch.setattr(cost, "TIMING_SIZE", (16, 16))
    assert (cost.measure_cost(NanoDce().eval()).parameters, cost.measure_cost(NanoDce().eval()).macs_per_pixel) == (
        161,
        139,
    )
    assert (cost.measure_cost(ZeroDcePp().eval()).parameters, cost.measure_cost(ZeroDcePp().eval()).macs_per_pixel) == (
        10561,
        10075,
    )


def test_by_hand_and_in_time(monkeypatch):
    class Slow(zerokd.Model):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 5, 3, padding=1)

        def forward(self, low):
            torch.arange(10)
            return {"enhanced": self.conv(low)[:, :3]}

    monkeypatch.setattr(cost, "TIMING_SIZE", (8, 8))
    measured = cost.measure_cost(Slow())
    assert (measured.parameters, measured.macs_per_pixel) == (3 * 5 * 9 + 5, 3 * 5 * 9)
    assert 0 < measured.milliseconds < 1000


def test_the_machine_is_named():
    assert cost.describe_machine()["threads"] == torch.get_num_threads()
    assert cost.describe_machine()["processor"]
