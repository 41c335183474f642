"""The mean absolute error by hand, and by PyTorch's own."""

import torch
from torch.nn import functional as F

from zerokd.losses.l1 import L1, l1


def test_values_by_hand():
    prediction = torch.tensor([[1.0, -2.0], [0.0, 0.5]]).view(2, 1, 1, 2)
    assert l1(prediction, torch.zeros(2, 1, 1, 2)).tolist() == [1.5, 0.25]


def test_pytorch_computes_alike():
    prediction, target = torch.rand(2, 3, 3, 4, 5, dtype=torch.float64)
    expected = F.l1_loss(prediction, target, reduction="none").mean(dim=(1, 2, 3))
    torch.testing.assert_close(L1()(prediction=prediction, target=target), expected)


def test_half_precision_is_summed_in_single():
    ones = torch.ones(1, 3, 256, 256, dtype=torch.float16)
    assert l1(ones, 0 * ones).item() == 1.0


def test_equal_tensors_have_no_gradient():
    prediction = torch.rand(1, 3, 2, 2, requires_grad=True)
    l1(prediction, prediction.detach()).sum().backward()
    assert not prediction.grad.any()
