"""A model becomes the operations that it is made of, or is refused for what it does besides."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zerokd import Model, Signal
from zerokd.exporters.traced_program import UntraceableError, trace_model
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp


class Odd(Model):
    """A model that does one thing to a picture."""

    operation = staticmethod(lambda low: low)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.gain = nn.Parameter(torch.ones(1, 3, 1, 1))

    def outputs(self):
        return {"enhanced": Signal(range=(0.0, 1.0))}

    def forward(self, low):
        return {"enhanced": self.operation(self, low)}


def odd(operation):
    return type("Odd", (Odd,), {"operation": staticmethod(operation)})().eval()


def test_the_student_is_six_convolutions_and_a_curve():
    program = trace_model(NanoDce().eval())
    ops = [node.op for node in program.nodes.values()]
    assert ops.count("conv") == 6
    assert ops.count("mul") == ops.count("sub") + 4 == 8  # x + a*(x*x - x), four times
    assert program.receptive_radii()[program.low] == 3  # 7x7 pixels
    assert ops[0] == "low"
    assert program.scales_curve_map


def test_strength_stands_between_the_map_and_everything_that_reads_it():
    program = trace_model(NanoDce().eval())
    (strength,) = (node for node in program.nodes.values() if node.op == "strength")
    assert program.nodes[strength.inputs[0]].op == "tanh"
    readers = [node for node in program.nodes.values() if strength.name in node.inputs]
    assert len(readers) == 4
    assert all(strength.inputs[0] not in node.inputs for node in readers)


def test_the_teacher_sees_seven_pixels_to_each_side():
    program = trace_model(ZeroDcePp(width=4).eval())
    assert program.receptive_radii()[program.low] == 7
    assert [node.op for node in program.nodes.values()].count("cat") == 3


def test_what_the_result_does_not_need_is_left_out():
    program = trace_model(odd(lambda self, low: (self.conv(low), low + 1)[1]))
    assert [node.op for node in program.nodes.values()] == ["low", "add"]
    assert not program.scales_curve_map


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (lambda self, low: F.silu(low), "silu"),
        (lambda self, low: low - low.mean(), "mean"),
        (lambda self, low: F.interpolate(low, scale_factor=2), "upsample"),
        (lambda self, low: F.conv2d(low, self.conv.weight, stride=2, padding=1), "not 1x1 or 3x3"),
        (lambda self, low: F.conv2d(low, self.conv.weight, dilation=2, padding=2), "not 1x1 or 3x3"),
        (lambda self, low: F.conv2d(low, self.conv.weight), "not 1x1 or 3x3"),
        (lambda self, low: low * self.gain, "outside of a convolution"),
        (lambda self, low: low * torch.ones(1, 3, 1, 1), "it "),
        (lambda self, low: low * F.conv2d(low, self.conv.weight[:1], padding=1), "it "),
        (lambda self, low: torch.add(low, low, alpha=2), "add"),
        (lambda self, low: torch.cat([low, low], dim=2), "another axis"),
        (lambda self, low: low if low.sum() > 0 else -low, "cannot trace"),
    ],
)
def test_anything_else_is_refused_by_name(operation, reason):
    with pytest.raises(UntraceableError, match=reason):
        trace_model(odd(operation))
