"""Parameters laid out as one are the same parameters."""

import pytest
import torch
from torch import nn

from zerokd.training.flat_parameters import FlatParameters, flatten_parameters


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 2, 1), nn.Flatten(), nn.Linear(2 * 36, 1))


def test_values_shapes_and_layouts_stay_and_one_tensor_holds_them_all():
    net = network().to(memory_format=torch.channels_last)
    before = {name: (weight.clone(), weight.stride()) for name, weight in net.named_parameters()}
    flat = FlatParameters(list(net.parameters()))
    for name, weight in net.named_parameters():
        assert torch.equal(weight, before[name][0])
        assert weight.stride() == before[name][1]
        assert weight.untyped_storage().data_ptr() == flat.values.untyped_storage().data_ptr()
    assert flat.values.numel() == sum(parameter.numel() for parameter in net.parameters())
    flat.values.data.mul_(2)
    assert all(torch.equal(weight, 2 * before[name][0]) for name, weight in net.named_parameters())


def test_gradients_add_up_in_it_and_are_those_of_plain_parameters():
    plain, flattened = network(), network()
    flat = FlatParameters(list(flattened.parameters()))
    for seed in range(2):
        x = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        for net in (plain, flattened):
            net(x).square().sum().backward()
    expected = torch.cat([parameter.grad.reshape(-1) for parameter in plain.parameters()])
    assert torch.equal(flat.gradient, expected)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam_on_it_is_adam_on_each(decay):
    plain, flattened = network(), network()
    flat = FlatParameters(list(flattened.parameters()))
    optimizers = [
        torch.optim.Adam(plain.parameters(), lr=1e-2, weight_decay=decay, foreach=False),
        torch.optim.Adam([flat.values], lr=1e-2, weight_decay=decay, fused=True),
    ]
    for seed in range(5):
        x = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        for net, optimizer in zip((plain, flattened), optimizers, strict=True):
            optimizer.zero_grad(set_to_none=False)
            net(x).square().sum().backward()
            optimizer.step()
    for expected, weight in zip(plain.parameters(), flattened.parameters(), strict=True):
        torch.testing.assert_close(weight, expected, rtol=1e-5, atol=1e-6)


def test_each_type_has_its_own():
    parameters = [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3, dtype=torch.float64))]
    assert [(parameter.values.dtype, parameter.values.numel()) for parameter in flatten_parameters(parameters)] == [
        (torch.float32, 2),
        (torch.float64, 3),
    ]
    assert flatten_parameters([]) == []
