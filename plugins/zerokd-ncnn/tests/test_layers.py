"""The layers of small programs, by hand."""

import numpy as np
import pytest
from zerokd_ncnn.layers import generate_network
from zerokd_ncnn.ncnn_files import open_network

from zerokd.exporters.traced_program import Node, TracedProgram


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
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(tmp_path, name):
    import ncnn

    (op, inputs), expected = OPERATIONS[name]
    text, weights = generate_network(program(Node("y", op, inputs, 3)))
    (tmp_path / "a.param").write_text(text)
    (tmp_path / "a.ncnn.bin").write_bytes(weights)
    network = open_network(tmp_path / "a.param", 1)
    extractor = network.create_extractor()
    extractor.input("low", ncnn.Mat(LOW).clone())
    assert np.abs(np.array(extractor.extract("enhanced")[1]) - expected).max() <= 1e-6
