"""A network of convolutions whose sigmoid starts near its input."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from zerokd_published.near_identity import SLOPE, start_near_identity


def network(*channels, seed=0):
    torch.manual_seed(seed)
    convolutions = [nn.Conv2d(*ends, 3, padding=1, padding_mode="replicate") for ends in pairwise(channels)]
    for convolution in convolutions:
        nn.init.kaiming_normal_(convolution.weight)
        nn.init.zeros_(convolution.get_parameter("bias"))
    start_near_identity(convolutions)
    layers = [layer for convolution in convolutions for layer in (convolution, nn.ReLU())]
    return convolutions, nn.Sequential(*layers[:-1], nn.Sigmoid())


def photo():
    return torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("channels", [(3, 16, 16, 3), (3, 3, 3), (3, 6, 3)])
def test_it_keeps_details_and_colors(channels):
    low = photo()
    output = network(*channels)[1](low)
    assert (output - torch.sigmoid(SLOPE * (low - 0.5))).abs().mean() < 0.1
    assert torch.corrcoef(torch.stack([output.flatten(), low.flatten()]))[0, 1] > 0.9


def test_without_random_weights_it_is_a_soft_step_exactly():
    convolutions, layers = network(3, 5, 5, 3)
    with torch.no_grad():
        last = convolutions[-1].weight
        last *= last == SLOPE
    low = photo()
    torch.testing.assert_close(layers(low), torch.sigmoid(SLOPE * (low - 0.5)))


def test_one_output_is_near_the_mean_of_the_colors():
    low = photo()
    output = network(3, 16, 1)[1](low)
    expected = torch.sigmoid(SLOPE * (low.mean(1, keepdim=True) - 0.5))
    assert torch.corrcoef(torch.stack([output.flatten(), expected.flatten()]))[0, 1] > 0.8


def test_other_channels_are_random_so_that_training_can_use_them():
    convolutions, _ = network(3, 8, 3)
    assert (convolutions[0].weight[3:] != 0).all()
    assert (convolutions[1].weight[:, 3:] != 0).all()
    assert (network(3, 8, 3, seed=1)[0][0].weight[3:] != convolutions[0].weight[3:]).all()


def test_a_layer_of_two_channels_carries_two_colors():
    low = photo()
    output = network(3, 2, 3)[1](low)
    assert torch.corrcoef(torch.stack([output[:, 1].flatten(), low[:, 1].flatten()]))[0, 1] > 0.9
