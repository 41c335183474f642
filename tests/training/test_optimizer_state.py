"""The state of an optimizer as tensors, and back to the bit."""

import copy

import pytest
import torch

from zerokd.training.optimizer_state import collect_optimizer_state, restore_optimizer_state


def descend(optimizer, parameters, steps):
    for step in steps:
        for parameter in parameters:
            parameter.grad = parameter.detach() * (1 + 0.1 * step)
        optimizer.step()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", ["Adam", "NAdam", "RAdam", "ASGD", "Adadelta", "Adafactor", "RMSprop", "Rprop"])
def test_a_restored_optimizer_continues_with_the_same_bits(name, dtype):
    first = [
        torch.nn.Parameter(torch.arange(1.0, 7.0).view(2, 3).to(dtype)),
        torch.nn.Parameter(torch.ones(3).to(dtype)),
    ]
    optimizer = getattr(torch.optim, name)(first, lr=0.01)
    descend(optimizer, first, range(3))
    state = {key: value.clone() for key, value in collect_optimizer_state(optimizer).items()}
    second = copy.deepcopy(first)
    restored = getattr(torch.optim, name)(second, lr=0.01)
    restore_optimizer_state(restored, state)
    again = collect_optimizer_state(restored)
    assert {key: value.dtype for key, value in again.items()} == {key: value.dtype for key, value in state.items()}
    descend(optimizer, first, range(3, 6))
    descend(restored, second, range(3, 6))
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))


def test_names_have_the_index_of_a_parameter_and_empty_states_have_none():
    parameters = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    momentum = torch.optim.SGD(parameters, lr=0.1, momentum=0.5)
    descend(momentum, parameters, range(1))
    assert set(collect_optimizer_state(momentum)) == {"0/momentum_buffer", "1/momentum_buffer"}
    plain = torch.optim.SGD(parameters, lr=0.1)
    descend(plain, parameters, range(1))
    assert collect_optimizer_state(plain) == {}
    restore_optimizer_state(plain, {})
