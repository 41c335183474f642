"""Mean squared error: the golden figure, hand-computed numbers."""

import torch

from zerokd.losses.mse import Mse, mse


def test_golden(golden):
    value = Mse()(prediction=golden["enh"], target=golden["tea"])
    torch.testing.assert_close(value, golden.values("mse.image"), atol=1e-6, rtol=0)


def test_by_hand():
    prediction = torch.tensor([[[[0.0, 2.0]]], [[[1.0, 1.0]]]])
    torch.testing.assert_close(mse(prediction, torch.ones(2, 1, 1, 2)), torch.tensor([1.0, 0.0]), atol=0, rtol=0)


def test_gradient_is_twice_the_mean_difference():
    prediction = torch.full((1, 1, 2, 2), 3.0, requires_grad=True)
    mse(prediction, torch.ones(1, 1, 2, 2)).sum().backward()
    torch.testing.assert_close(prediction.grad, torch.full((1, 1, 2, 2), 1.0))


def test_gradient_of_the_gradient():
    tensor, other = (torch.rand(2, 3, 4, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradgradcheck(mse, (tensor, other))
