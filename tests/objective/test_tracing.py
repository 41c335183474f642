"""A traced call says what it computes."""

import torch

from zerokd.objective.graph import Graph
from zerokd.objective.tracing import trace_call


def test_a_traced_call_notes_measured_shapes_and_declared_ranges(build):
    components = build()
    graph = Graph(components.stages[1], components)
    tensors, signals = {"low": torch.rand(2, 3, 32, 24)}, {}
    trace_call(next(call for call in graph.forward_passes() if call.owner == "teacher"), tensors, signals)
    assert signals["teacher.curve_map"].shape == (3, 32, 24)
    assert signals["teacher.curve_map"].iterations == 8
    assert signals["teacher.enhanced"].range == (0.0, 1.0)
    assert signals["teacher.features.e_conv2"].shape == (32, 32, 24)
    assert signals["teacher.features.e_conv2"].range is None
