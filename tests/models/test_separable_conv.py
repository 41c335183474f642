"""The shared layer: the checkpoint's names, a hand-computed value, and bounds that a brute-force search attains."""

from itertools import product

import torch

from zerokd.models.separable_conv import SeparableConv


def test_names_and_shapes_are_those_of_the_released_checkpoints():
    shapes = {name: tuple(value.shape) for name, value in SeparableConv(3, 4).state_dict().items()}
    assert shapes == {
        "depth_conv.weight": (3, 1, 3, 3),
        "depth_conv.bias": (3,),
        "point_conv.weight": (4, 3, 1, 1),
        "point_conv.bias": (4,),
    }


def test_ones_count_the_pixels_under_the_window():
    layer = SeparableConv(2, 1)
    for weight in layer.parameters():
        torch.nn.init.ones_(weight)
    counts = layer(torch.ones(1, 2, 3, 3))[0, 0]  # 2 channels x (pixels under the window + bias 1) + bias 1
    assert counts.tolist() == [[11, 15, 11], [15, 21, 15], [11, 15, 11]]


def test_bounds_are_the_extremes_over_all_black_and_white_patches():
    torch.manual_seed(0)
    layer = SeparableConv(1, 3).double()
    patches = torch.tensor(list(product((0.0, 1.0), repeat=9)), dtype=torch.float64).view(-1, 1, 3, 3)
    result = layer(patches)[:, :, 1, 1]
    lower, upper = layer.output_bounds(*torch.tensor([[0.0], [1.0]], dtype=torch.float64))
    torch.testing.assert_close(lower, result.amin(0))
    torch.testing.assert_close(upper, result.amax(0))


def test_bounds_count_the_padding():
    layer = SeparableConv(1, 1)
    for weight in layer.parameters():
        torch.nn.init.ones_(weight)
    lower, upper = layer.output_bounds(torch.tensor([2.0]), torch.tensor([3.0]))
    assert (lower.item(), upper.item()) == (2.0, 29.0)  # all taps on padding; all nine on 3
