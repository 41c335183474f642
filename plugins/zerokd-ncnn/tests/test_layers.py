"""The layers of small programs, by hand."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from zerokd_ncnn.layers import generate_network
from zerokd_ncnn.ncnn_files import extract_image, open_network

from zerokd.exporters.program_node import Node
from zerokd.exporters.traced_program import TracedProgram


def program(*nodes):
    low = Node("x", "low", (), 3)
    return TracedProgram({node.name: node for node in (low, *nodes)}, nodes[-1].name, False)


def test_a_value_that_two_layers_read_is_split():
    text, weights = generate_network(program(Node("square", "mul", ("x", "x"), 3)))
    assert text == (
        "7767517\n3 4\nInput low 0 1 low\nSplit low_split 1 2 low low_copy0 low_copy1\n"
        "BinaryOp enhanced 2 1 low_copy0 low_copy1 enhanced 0=2\n"
    )
    assert weights == b""


LOW = np.random.default_rng(0).random((3, 6, 5), np.float32)
OPERATIONS = {
    "relu": (("relu", ("x",)), np.maximum(LOW, 0)),
    "tanh": (("tanh", ("x",)), np.tanh(LOW)),
    "sigmoid": (("sigmoid", ("x",)), 1 / (1 + np.exp(-LOW))),
    "neg": (("neg", ("x",)), -LOW),
    "add": (("add", ("x", 0.1)), LOW + np.float32(0.1)),
    "sub": (("sub", ("x", 0.25)), LOW - 0.25),
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
    assert np.abs(compute(tmp_path, LOW, Node("y", op, inputs, 3)) - expected).max() <= 1e-6


@pytest.mark.parametrize(("side", "stride", "spacing", "padding"), [(4, 2, 1, 1), (3, 1, 1, 1), (3, 1, 2, 2)])
def test_a_convolution_repeats_the_border_and_the_result_takes_the_size_of_another(
    tmp_path, side, stride, spacing, padding
):
    weight = np.random.default_rng(1).random((2, 1, side, side), np.float32)
    options = {"groups": 2, "stride": stride, "dilation": spacing, "padding": padding, "repeats_border": True}
    actual = compute(
        tmp_path,
        LOW[..., :4],
        Node("part", "slice", ("x",), 2, channel=1),
        Node("filtered", "conv", ("part",), 2, weight=weight, bias=np.zeros(2, np.float32), **options),
        Node("y", "resize", ("filtered", "x"), 2),
    )
    padded = F.pad(torch.from_numpy(LOW[None, 1:, :, :4].copy()), (padding,) * 4, mode="replicate")
    filtered = F.conv2d(padded, torch.from_numpy(weight), stride=stride, dilation=spacing, groups=2)
    expected = F.interpolate(filtered, (6, 4), mode="bilinear", align_corners=False)[0].numpy()
    assert np.abs(actual - expected).max() <= 1e-5


def compute(folder, low, *nodes):
    """What ncnn computes by a program."""
    text, weights = generate_network(program(*nodes))
    (folder / "a.param").write_text(text)
    (folder / "a.ncnn.bin").write_bytes(weights)
    return extract_image(open_network(folder / "a.param", 1), low=low)
