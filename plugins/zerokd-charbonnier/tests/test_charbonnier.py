"""The checks that every loss must pass, and values of this one."""

import torch

import zerokd_charbonnier
from zerokd.testing import conformance
from zerokd_charbonnier.charbonnier import Charbonnier


@conformance(zerokd_charbonnier)
def test_conformance(check):
    check()


def test_values_by_hand():
    target = torch.zeros(2, 3, 4, 4)
    prediction = torch.stack([torch.full((3, 4, 4), 0.3), torch.full((3, 4, 4), -0.4)])
    value = Charbonnier(epsilon=0.4)(prediction=prediction, target=target)
    torch.testing.assert_close(value, torch.tensor([0.5 - 0.4, 0.4 * (2**0.5 - 1)]))
