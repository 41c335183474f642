"""Gradient descent with momentum."""

import pytest
from pydantic import ValidationError

from tests.optimizers.test_adam import run
from zerokd.optimizers.sgd import Sgd


def test_plain_steps_by_hand():
    assert run(Sgd(), (1.0, -3.0)) == pytest.approx(2.0 - 0.1 * 1.0 + 0.1 * 3.0)


def test_momentum_by_hand():
    # b = 1, then 0.5 * 1 - 3 = -2.5
    assert run(Sgd(momentum=0.5), (1.0, -3.0)) == pytest.approx(2.0 - 0.1 * 1.0 + 0.1 * 2.5)


def test_nesterov_and_decay_by_hand():
    first = 1.0 + 0.25 * 2.0  # gradient and decay
    theta = 2.0 - 0.1 * (first + 0.5 * first)
    second = -3.0 + 0.25 * theta
    momentum = 0.5 * first + second
    expected = theta - 0.1 * (second + 0.5 * momentum)
    assert run(Sgd(momentum=0.5, nesterov=True, weight_decay=0.25), (1.0, -3.0)) == pytest.approx(expected)


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(ValidationError, match="needs a momentum above 0"):
        Sgd(nesterov=True)
