"""What an operation of torch becomes in a program of auto_exposure; its pixels are those of the model elsewhere."""

import pytest

from zerokd.exporters.pixel_program import STATE_SIZES, trace_pixels
from zerokd.exporters.traced_program import UntraceableError
from zerokd.models.auto_exposure import AutoExposure


@pytest.fixture(scope="module")
def nodes():
    return list(trace_pixels(AutoExposure().eval()).nodes.values())


def test_filters_are_convolutions_that_repeat_the_border(nodes):
    found = sorted(
        {(node.weight.shape[-1], node.stride, node.dilation, node.padding) for node in nodes if node.op == "conv"}
    )
    assert found == [(1, 1, 1, 0), (2, 2, 1, 0), (3, 1, 1, 1), (3, 1, 2, 2), (4, 2, 1, 1)]
    averages = [node for node in nodes if node.op == "conv" and node.weight.shape[-1] == 2]
    assert all((node.weight == 0.25).all() for node in averages)


def test_an_image_is_enlarged_to_the_input_and_a_map_shrunk_to_half_of_it(nodes):
    targets = {node.inputs[0]: node.inputs[1] for node in nodes if node.op == "resize"}
    half = targets["slope"]
    assert targets["offset"] == half
    (strided,) = (node for node in nodes if node.name == half)
    assert strided.stride == 2
    assert {like for name, like in targets.items() if name not in STATE_SIZES} == {"low"}


def test_an_unknown_operation_is_named():
    class Rounded(AutoExposure):
        def find_gains(self, bands, noise):
            return super().find_gains(bands, noise).round()

    with pytest.raises(UntraceableError, match="it uses round"):
        trace_pixels(Rounded().eval())
