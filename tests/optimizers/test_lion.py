"""Lion, from the formula of its paper."""

import math

import pytest
import torch

from tests.optimizers.test_adam import run
from zerokd.optimizers.lion import Lion, LionOptimizer


def lion(theta, gradients, b1, b2, decay, lr):
    momentum = 0.0
    for gradient in gradients:
        c = b1 * momentum + (1 - b1) * gradient
        sign = 0.0 if c == 0 else math.copysign(1.0, c)
        theta, momentum = theta - lr * (sign + decay * theta), b2 * momentum + (1 - b2) * gradient
    return theta


def test_steps_by_hand():
    # m = 0.5; then c = 0.9 * 0.5 - 0.1 * 3 = 0.15 > 0: the momentum outweighs the gradient
    assert run(Lion(betas=(0.9, 0.5)), (1.0, -3.0)) == pytest.approx(2.0 - 0.1 - 0.1)
    assert run(Lion(betas=(0.9, 0.5)), (1.0, -6.0)) == pytest.approx(2.0 - 0.1 + 0.1)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_formula(seed):
    gradients = torch.randn(30, generator=torch.Generator().manual_seed(seed)).tolist()
    expected = lion(2.0, gradients, 0.9, 0.99, 0.3, 0.1)
    assert run(Lion(weight_decay=0.3), gradients) == pytest.approx(expected, rel=1e-12)


def test_a_gradient_of_zero_moves_nothing():
    assert run(Lion(), (0.0, 0.0)) == 2.0


def test_a_closure_is_evaluated_with_gradient():
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = LionOptimizer([{"params": [weight], "lr": 0.5}], (0.9, 0.99), 0.0)

    def closure():
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 4.0
    assert weight.item() == 1.5
