"""Each kind of layer, and what is refused."""

import numpy as np
import pytest
import torch
from zerokd_coreml.coreml_file import add_layer
from zerokd_coreml.interpreter import run_layers

from zerokd.exporters.program_node import Node
from zerokd.exporters.silence import silence_exporters

with silence_exporters():
    from coremltools.models import datatypes
    from coremltools.models.neural_network import NeuralNetworkBuilder

LOW = np.random.default_rng(0).random((2, 4, 6, 5), np.float32) - 0.5
OPERATIONS = {
    "relu": (("relu", ("x",)), np.maximum(LOW, 0)),
    "tanh": (("tanh", ("x",)), np.tanh(LOW)),
    "sigmoid": (("sigmoid", ("x",)), 1 / (1 + np.exp(-LOW))),
    "neg": (("neg", ("x",)), -LOW),
    "add": (("add", ("x", 0.1)), LOW + 0.1),
    "sub": (("sub", ("x", 0.25)), LOW - 0.25),
    "both": (("sub", ("x", "x")), 0 * LOW),
    "reversed": (("sub", (1.0, "x")), 1 - LOW),
    "mul": (("mul", (3.0, "x")), 3 * LOW),
    "strength": (("strength", ("x",)), LOW),
    "cat": (("cat", ("x", "x")), np.concatenate([LOW, LOW], axis=1)),
}


def build(node):
    builder = NeuralNetworkBuilder(
        [("x", datatypes.Array(1, 4, 6, 5))], [("y", None)], disable_rank5_shape_mapping=True
    )
    add_layer(builder, node, str)
    return builder.spec.neuralNetwork.layers


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name):
    (op, inputs), expected = OPERATIONS[name]
    assert np.abs(run_layers(build(Node("y", op, inputs, 4)), {"x": LOW})["y"] - expected).max() <= 1e-6


@pytest.mark.parametrize(("side", "groups"), [(1, 1), (3, 1), (3, 4)])
def test_convolutions(side, groups):
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(4, 4, side, padding=side // 2, groups=groups)
    with torch.no_grad():
        expected = layer(torch.from_numpy(LOW)).numpy()
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    layers = build(Node("y", "conv", ("x",), 4, weight, bias, groups))
    assert np.abs(run_layers(layers, {"x": LOW})["y"] - expected).max() <= 1e-6


def test_other_layers_are_refused():
    layers = build(Node("y", "relu", ("x",), 4))
    layers[0].activation.ELU.alpha = 1.0
    with pytest.raises(ValueError, match="an activation of kind 'ELU'"):
        run_layers(layers, {"x": LOW})
    layers[0].softmax.SetInParent()
    with pytest.raises(ValueError, match="a layer of kind 'softmax'"):
        run_layers(layers, {"x": LOW})
