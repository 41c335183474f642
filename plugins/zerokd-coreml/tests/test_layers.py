"""The layers of each node compute what PyTorch does."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from zerokd_coreml.interpreter import run_layers
from zerokd_coreml.layers import add_layer

from zerokd.exporters.program_node import Node
from zerokd.exporters.silence import silence_exporters
from zerokd.exporters.traced_program import UntraceableError

with silence_exporters():
    from coremltools.models import datatypes
    from coremltools.models.neural_network import NeuralNetworkBuilder

LOW = np.random.default_rng(0).random((2, 4, 6, 8), np.float32) - 0.5
ONE = np.random.default_rng(1).random((2, 1, 1, 1), np.float32) - 0.5
POSITIVE = LOW + 0.75
OPERATIONS = {
    "relu": (("relu", ("low",)), np.maximum(LOW, 0)),
    "tanh": (("tanh", ("low",)), np.tanh(LOW)),
    "sigmoid": (("sigmoid", ("low",)), 1 / (1 + np.exp(-LOW))),
    "exp": (("exp", ("low",)), np.exp(LOW)),
    "log": (("log", ("positive",)), np.log(POSITIVE)),
    "neg": (("neg", ("low",)), -LOW),
    "add": (("add", ("low", 0.1)), LOW + 0.1),
    "sub": (("sub", ("low", 0.25)), LOW - 0.25),
    "both": (("sub", ("low", "low")), 0 * LOW),
    "reversed": (("sub", (1.0, "low")), 1 - LOW),
    "mul": (("mul", (3.0, "low")), 3 * LOW),
    "div": (("div", ("low", 0.8)), LOW / 0.8),
    "quotient": (("div", ("low", "positive")), LOW / POSITIVE),
    "least": (("maximum", ("low", -0.1)), np.maximum(LOW, -0.1)),
    "zero": (("maximum", ("low", 0.0)), np.maximum(LOW, 0)),
    "most": (("minimum", ("low", -0.1)), np.minimum(LOW, -0.1)),
    "most_positive": (("minimum", ("low", 0.2)), np.minimum(LOW, 0.2)),
    "broadcast_maximum": (("maximum", ("low", "one")), np.maximum(LOW, ONE)),
    "broadcast_minimum": (("minimum", ("one", "low")), np.minimum(LOW, ONE)),
    "broadcast_product": (("mul", ("one", "low")), LOW * ONE),
    "strength": (("strength", ("low",)), LOW),
    "cat": (("cat", ("low", "positive")), np.concatenate([LOW, POSITIVE], axis=1)),
}


def build(*nodes):
    inputs = [(name, datatypes.Array(1, 4, 6, 8)) for name in ("low", "positive", "one", "map", "half")]
    builder = NeuralNetworkBuilder(inputs, [("y", None)], disable_rank5_shape_mapping=True)
    for node in nodes:
        add_layer(builder, node, str)
    return builder.spec.neuralNetwork.layers


def run(*nodes, **inputs):
    return run_layers(build(*nodes), {"low": LOW, "positive": POSITIVE, "one": ONE, **inputs})[nodes[-1].name]


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name):
    (op, inputs), expected = OPERATIONS[name]
    assert np.abs(run(Node("y", op, inputs, 4)) - expected).max() <= 1e-6


@pytest.mark.parametrize(("first", "count"), [(0, 4), (0, 1), (3, 1), (1, 2)])
def test_channels(first, count):
    assert np.array_equal(run(Node("y", "slice", ("low",), count, channel=first)), LOW[:, first : first + count])


@pytest.mark.parametrize(("side", "groups"), [(1, 1), (3, 1), (3, 4)])
def test_convolutions_with_zeros_around_the_image(side, groups):
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(4, 4, side, padding=side // 2, groups=groups)
    with torch.no_grad():
        expected = layer(torch.from_numpy(LOW)).numpy()
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    assert np.abs(run(Node("y", "conv", ("low",), 4, weight, bias, groups)) - expected).max() <= 1e-6


@pytest.mark.parametrize(
    ("side", "stride", "dilation", "padding", "groups"),
    [(1, 1, 1, 0, 1), (3, 1, 1, 1, 1), (4, 2, 1, 1, 4), (3, 1, 2, 2, 4), (2, 2, 1, 0, 4), (3, 1, 1, 1, 2)],
)
def test_convolutions_that_repeat_the_border(side, stride, dilation, padding, groups):
    random = np.random.default_rng(2)
    weight, bias = random.random((4, 4 // groups, side, side), np.float32) - 0.5, random.random(4, np.float32)
    padded = F.pad(torch.from_numpy(LOW), [padding] * 4, mode="replicate")
    expected = F.conv2d(
        padded, torch.from_numpy(weight), torch.from_numpy(bias), stride, dilation=dilation, groups=groups
    )
    sizes = {"groups": groups, "stride": stride, "dilation": dilation, "padding": padding, "repeats_border": True}
    assert np.abs(run(Node("y", "conv", ("low",), 4, weight, bias, **sizes)) - expected.numpy()).max() <= 2e-6


def test_a_convolution_of_one_channel():
    gray, weight = LOW[:, :1], np.random.default_rng(3).random((1, 1, 3, 3), np.float32)
    expected = F.conv2d(F.pad(torch.from_numpy(gray), [1] * 4, mode="replicate"), torch.from_numpy(weight))
    node = Node("y", "conv", ("low",), 1, weight, np.zeros(1, np.float32), padding=1, repeats_border=True)
    assert np.abs(run(node, low=gray) - expected.numpy()).max() <= 1e-6


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 3), (16, 20)])
def test_twice_the_size(size):
    half = np.random.default_rng(4).random((2, 3, *size), np.float32)
    expected = F.interpolate(torch.from_numpy(half), scale_factor=2, mode="bilinear", align_corners=False).numpy()
    assert np.abs(run(Node("y", "resize", ("half", "low"), 3), half=half) - expected).max() <= 1e-6


@pytest.mark.parametrize("size", [(1, 1), (3, 64), (50, 33), (200, 97)])
def test_a_map_takes_on_the_size_of_an_image(size):
    cells = np.random.default_rng(5).random((1, 1, 64, 64), np.float32)
    half = np.zeros((1, 3, *size), np.float32)
    expected = F.interpolate(torch.from_numpy(cells), size, mode="bilinear", align_corners=False).numpy()
    result = run(Node("y", "resize", ("map", "half"), 1), map=cells, half=half)
    assert result.shape == (1, 1, *size)
    assert np.abs(result - expected).max() <= 2e-5  # 3e-7 of a place among 64 cells


def test_maps_share_their_weights():
    layers = build(Node("x", "resize", ("map", "half"), 1), Node("y", "resize", ("map", "half"), 1))
    kinds = [layer.WhichOneof("layer") for layer in layers]
    assert (kinds.count("getShape"), kinds.count("loadConstantND"), kinds.count("batchedMatmul")) == (2, 1, 4)


def test_a_number_divided_by_an_image_is_refused():
    with pytest.raises(UntraceableError, match="it divides a number by an image"):
        build(Node("y", "div", (1.0, "low"), 4))
