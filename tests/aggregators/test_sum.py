"""The plain sum, by hand."""

import torch

from zerokd.aggregators.sum import Sum


def test_by_hand():
    rows = torch.tensor([[1.0, -2.0, 0.5], [0.25, 2.0, 0.5], [0.0, 1.0, 1.0]])
    assert torch.equal(Sum()(rows), torch.tensor([1.25, 1.0, 2.0]))


def test_one_row_is_itself():
    assert torch.equal(Sum()(torch.tensor([[3.0, -4.0]])), torch.tensor([3.0, -4.0]))
