"""The divergence by hand, and by PyTorch's own."""

import math

import pytest
import torch
from torch.nn import functional as F
from zerokd_distill.kl_divergence import KlDivergence, kl_divergence


def test_two_channels_by_hand():
    """Teacher 1/4 and 3/4, student 1/2 and 1/2."""
    teacher = torch.tensor([0.0, math.log(3.0)]).view(1, 2, 1, 1)
    expected = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    assert kl_divergence(torch.zeros(1, 2, 1, 1), teacher, temperature=1.0).item() == pytest.approx(expected)
    softer = kl_divergence(torch.zeros(1, 2, 1, 1), 5 * teacher, temperature=5.0)
    assert softer.item() == pytest.approx(25 * expected, rel=1e-5)


@pytest.mark.parametrize("over", ["channels", "pixels"])
def test_pytorch_computes_alike(over):
    student, teacher = torch.randn(2, 3, 4, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = [x.movedim(1, -1).reshape(3, 30, 4) if over == "channels" else x.flatten(2) for x in (student, teacher)]
    logs = [(row / 2.0).log_softmax(dim=-1) for row in rows]
    expected = 4.0 * F.kl_div(logs[0], logs[1], log_target=True, reduction="none").sum(dim=-1).mean(dim=-1)
    torch.testing.assert_close(KlDivergence(temperature=2.0, over=over)(student=student, teacher=teacher), expected)


def test_a_constant_in_all_channels_does_not_count():
    features = torch.randn(1, 3, 4, 4, dtype=torch.float64)
    assert kl_divergence(features + 7, features).item() == pytest.approx(0.0, abs=1e-12)


def test_the_gradient_keeps_its_size_as_temperature_grows():
    """Hinton et al.: at a high temperature the gradient is (s - t) / C for centred logits, whatever it is."""
    student = torch.tensor([0.5, -0.5], dtype=torch.float64).view(1, 2, 1, 1).requires_grad_()
    kl_divergence(student, torch.zeros(1, 2, 1, 1, dtype=torch.float64), temperature=1000.0).sum().backward()
    assert student.grad.flatten().tolist() == pytest.approx([0.25, -0.25], rel=1e-5)
