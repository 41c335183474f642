"""The size of parameters: both powers by hand, and the gradient."""

import pytest
import torch

from zerokd.losses.parameter_norm import ParameterNorm


@pytest.mark.parametrize(("power", "value", "gradient"), [(1, 2.0, [0.5, -0.5]), (2, 5.0, [1.0, -3.0])])
def test_value_and_gradient(power, value, gradient):
    parameters = torch.tensor([[1.0, -3.0]], requires_grad=True)
    norm = ParameterNorm(power=power)(parameters=parameters)
    assert norm.tolist() == [value]
    norm.sum().backward()
    assert parameters.grad.tolist() == [gradient]


def test_half_precision_is_summed_in_single():
    assert ParameterNorm(power=2)(parameters=torch.full((1, 4), 300.0, dtype=torch.float16)).tolist() == [90000.0]
