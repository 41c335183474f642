"""Adam with decoupled decay."""

import pytest

from tests.optimizers.test_adam import run
from zerokd.optimizers.adam import Adam
from zerokd.optimizers.adamw import AdamW


def test_the_decay_shrinks_the_parameter_and_does_not_join_the_gradient():
    assert run(AdamW(weight_decay=0.5), (1.0,)) == pytest.approx(2.0 * (1 - 0.1 * 0.5) - 0.1, rel=1e-6)


def test_without_decay_it_is_adam():
    gradients = (1.0, -3.0, 0.2)
    assert run(AdamW(weight_decay=0.0), gradients) == pytest.approx(run(Adam(), gradients), rel=1e-12)
    assert run(AdamW(weight_decay=0.1), gradients) != run(Adam(weight_decay=0.1), gradients)
