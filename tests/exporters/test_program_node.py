"""Which pixels an operation reads."""

import numpy as np

from zerokd.exporters.program_node import Node


def test_a_convolution_reads_its_neighbours_and_arithmetic_does_not():
    kernel = np.zeros((4, 3, 3, 3), np.float32)
    assert Node("a", "conv", ("x",), 4, weight=kernel).kernel_radius == 1
    assert Node("a", "conv", ("x",), 4, weight=kernel[..., :1, :1]).kernel_radius == 0
    assert Node("a", "mul", ("x", 2.0), 3).kernel_radius == 0


def test_numbers_are_no_sources():
    assert Node("a", "sub", (1.0, "x"), 3).source_names == ("x",)
