"""Each operator by itself."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from zerokd_litert.litert_file import open_interpreter
from zerokd_litert.operators import build_flatbuffer

from zerokd.exporters.program_node import Node
from zerokd.exporters.traced_program import TracedProgram

LOW = np.random.default_rng(0).random((1, 6, 5, 3), np.float32)
OPERATIONS = {
    "relu": (("relu", ("x",)), np.maximum(LOW, 0)),
    "tanh": (("tanh", ("x",)), np.tanh(LOW)),
    "sigmoid": (("sigmoid", ("x",)), 1 / (1 + np.exp(-LOW))),
    "neg": (("neg", ("x",)), -LOW),
    "add": (("add", ("x", 0.1)), LOW + np.float32(0.1)),
    "sub": (("sub", ("x", "x")), 0 * LOW),
    "reversed": (("sub", (1.0, "x")), 1 - LOW),
    "mul": (("mul", (3.0, "x")), 3 * LOW),
    "strength": (("strength", ("x",)), LOW),
    "div": (("div", ("x", 0.5)), 2 * LOW),
    "exp": (("exp", ("x",)), np.exp(LOW)),
    "log": (("log", ("x",)), np.log(LOW)),
    "maximum": (("maximum", ("x", 0.5)), np.maximum(LOW, 0.5)),
    "minimum": (("minimum", ("x", 0.5)), np.minimum(LOW, 0.5)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(tmp_path, name):
    (op, inputs), expected = OPERATIONS[name]
    nodes = [Node("x", "low", (), 3), Node("y", op, inputs, 3)]
    program = TracedProgram({node.name: node for node in nodes}, "y", False)
    (tmp_path / "a.tflite").write_bytes(build_flatbuffer(program, {"description": "", "zerokd": "{}"}))
    assert np.abs(open_interpreter(tmp_path / "a.tflite")(low=LOW) - expected).max() <= 1e-6


@pytest.mark.parametrize(("side", "stride", "spacing", "padding"), [(4, 2, 1, 1), (3, 1, 1, 1), (3, 1, 2, 2)])
def test_a_convolution_repeats_the_border_and_the_result_takes_the_size_of_another(
    tmp_path, side, stride, spacing, padding
):
    weight = np.random.default_rng(1).random((2, 1, side, side), np.float32)
    options = {"groups": 2, "stride": stride, "dilation": spacing, "padding": padding, "repeats_border": True}
    nodes = [
        Node("x", "low", (), 3),
        Node("part", "slice", ("x",), 2, channel=1),
        Node("filtered", "conv", ("part",), 2, weight=weight, bias=np.zeros(2, np.float32), **options),
        Node("y", "resize", ("filtered", "x"), 2),
    ]
    program = TracedProgram({node.name: node for node in nodes}, "y", False)
    (tmp_path / "a.tflite").write_bytes(build_flatbuffer(program, {"description": "", "zerokd": "{}"}))
    image = torch.from_numpy(LOW[:, :, :4].transpose(0, 3, 1, 2).copy())
    padded = F.pad(image[:, 1:], (padding,) * 4, mode="replicate")
    filtered = F.conv2d(padded, torch.from_numpy(weight), stride=stride, dilation=spacing, groups=2)
    expected = F.interpolate(filtered, (6, 4), mode="bilinear", align_corners=False).numpy().transpose(0, 2, 3, 1)
    actual = open_interpreter(tmp_path / "a.tflite")(low=np.ascontiguousarray(LOW[:, :, :4]))
    assert np.abs(actual - expected).max() <= 1e-5
