"""Narrow convolutions as sums: the same numbers and gradients as the library's, and no other layer is touched."""

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from zerokd.training.compile.narrow_convolutions import DECOMPOSITIONS

NARROW = [
    torch.nn.Conv2d(3, 3, 3, padding=1, groups=3),
    torch.nn.Conv2d(5, 5, (1, 5), padding=(0, 1), groups=5, bias=False),
    torch.nn.Conv2d(3, 4, 1),
    torch.nn.Conv2d(4, 3, 1, bias=False),
    torch.nn.Conv2d(1, 2, 1),
]
OTHERS = [
    torch.nn.Conv2d(3, 4, 3, padding=1),
    torch.nn.Conv2d(3, 3, 3, padding=2, dilation=2, groups=3),
    torch.nn.Conv2d(3, 3, 3, stride=2, groups=3),
    torch.nn.Conv2d(3, 6, 3, groups=3),
    torch.nn.Conv2d(16, 16, 1),
    torch.nn.Conv2d(16, 16, 3, groups=16),
    torch.nn.ConvTranspose2d(3, 3, 3, groups=3),
]


def traced(layer):
    """A layer's output and gradients on an image, and the operations that they were recorded as."""
    layer = layer.double()
    image = torch.rand(2, layer.in_channels, 7, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def function(image):
        output = layer(image)
        output_gradient = torch.sin(torch.arange(output.numel(), dtype=output.dtype)).view_as(output)
        return output, *torch.autograd.grad(output, [image, *layer.parameters()], output_gradient)

    expected = function(image.clone().requires_grad_())
    graph = make_fx(function, decomposition_table=DECOMPOSITIONS)(image.clone().requires_grad_())
    return expected, graph(image), {str(node.target) for node in graph.graph.nodes}


@pytest.mark.parametrize("layer", NARROW, ids=str)
def test_a_narrow_layer_is_the_same_in_sums(layer):
    expected, decomposed, operations = traced(layer)
    torch.testing.assert_close(decomposed, expected, rtol=1e-12, atol=1e-12)
    assert not any("convolution" in operation for operation in operations)


@pytest.mark.parametrize("layer", OTHERS, ids=str)
def test_any_other_layer_stays_what_it_is(layer):
    expected, decomposed, operations = traced(layer)
    torch.testing.assert_close(decomposed, expected, rtol=1e-12, atol=1e-12)
    assert {"aten.convolution.default", "aten.convolution_backward.default"} <= operations
