"""Consistency: the value of `mse`, and its gradient at both tensors."""

import torch

from zerokd.losses.consistency import Consistency


def noise(seed):
    return torch.rand(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def test_by_hand():
    first = torch.tensor([[[[0.5, 1.0]]]], dtype=torch.float64)
    second = torch.tensor([[[[0.5, 0.5]]]], dtype=torch.float64)
    assert Consistency()(first=first, second=second).tolist() == [0.125]


def test_both_move_towards_each_other():
    first, second = noise(0), noise(1)
    Consistency()(first=first, second=second).sum().backward()
    torch.testing.assert_close(first.grad, 2 * (first - second).detach() / 60)
    torch.testing.assert_close(second.grad, -first.grad)


def test_it_does_not_matter_which_is_first():
    first, second = noise(0), noise(1)
    torch.testing.assert_close(Consistency()(first=first, second=second), Consistency()(first=second, second=first))
