"""Adam with coupled decay."""

import pytest
import torch
from pydantic import ValidationError

from zerokd.optimizers.adam import Adam, has_fused_kernel


def run(optimizer, gradients, start=2.0, lr=0.1):
    weight = torch.nn.Parameter(torch.tensor([start], dtype=torch.float64))
    built = optimizer.create([{"params": [weight], "lr": lr}])
    for gradient in gradients:
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        built.step()
    return weight.item()


def test_two_steps_by_hand():
    b1, b2, eps, decay = 0.8, 0.9, 1e-3, 0.5
    theta, m, v = 2.0, 0.0, 0.0
    for step, gradient in enumerate((1.0, -3.0), start=1):
        g = gradient + decay * theta
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        theta -= 0.1 * (m / (1 - b1**step)) / ((v / (1 - b2**step)) ** 0.5 + eps)
    assert run(Adam(betas=(b1, b2), eps=eps, weight_decay=decay), (1.0, -3.0)) == pytest.approx(theta, rel=1e-12)


def test_a_share_of_one_is_refused():
    with pytest.raises(ValidationError, match="less than 1"):
        Adam(betas=(0.9, 1.0))


def test_the_fused_kernel_is_for_processors_and_gpus():
    assert has_fused_kernel([{"params": [torch.zeros(1)]}])
    assert not has_fused_kernel([{"params": [torch.zeros(1, device="meta")]}])
