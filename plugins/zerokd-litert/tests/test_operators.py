"""Each operator by itself."""

import numpy as np
import pytest
from zerokd_litert.litert_file import open_interpreter
from zerokd_litert.operators import build_flatbuffer

from zerokd.exporters.traced_program import Node, TracedProgram

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
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(tmp_path, name):
    (op, inputs), expected = OPERATIONS[name]
    nodes = [Node("x", "low", (), 3), Node("y", op, inputs, 3)]
    program = TracedProgram({node.name: node for node in nodes}, "y", False)
    (tmp_path / "a.tflite").write_bytes(build_flatbuffer(program, {"description": "", "zerokd": "{}"}))
    assert np.abs(open_interpreter(tmp_path / "a.tflite")(LOW) - expected).max() <= 1e-6
