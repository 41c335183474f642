"""Layers in 16 bits: the gradient of float32 but for its last bits, however small it is, and no other change."""

import pytest
import torch
from torch import nn

from zerokd.models.nano_dce import NanoDce
from zerokd.objective.autocast import AUTOCAST_DTYPES, run_autocast
from zerokd.objective.calls import ForwardPass
from zerokd.objective.models import Role
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe

LOW = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.3
CLOSE = {"bfloat16": 1e-2, "float16": 2e-3}  # a bit more than one unit in the last place: 2^-8, 2^-11


@pytest.fixture
def student():
    torch.manual_seed(0)
    return NanoDce()


def gradient(student, dtype, factor=1.0):
    """At the parameters, of a value that reads all outputs and a tapped layer."""
    made = ForwardPass("student", student, ("e_conv2",), role=Role.STUDENT, dtype=dtype).compute({"low": LOW})
    assert {one.dtype for one in made.values()} == {torch.float32}
    value = (made["student.enhanced"] - 0.6).square().mean() + made["student.curve_map"].square().mean()
    value = factor * (value + made["student.features.e_conv2"].abs().mean())
    return torch.cat([one.flatten() for one in torch.autograd.grad(value, list(student.parameters()))]) / factor


@pytest.mark.parametrize("name", AUTOCAST_DTYPES)
@pytest.mark.parametrize("factor", [1e6, 1.0, 1e-6, 1e-20])
def test_a_gradient_of_any_size_is_that_of_float32(student, name, factor):
    exact = gradient(student, None)
    found = gradient(student, AUTOCAST_DTYPES[name], factor)
    assert 0 < (found - exact).norm() / exact.norm() < CLOSE[name]


def test_without_the_power_of_two_it_would_be_0(student):
    with torch.autocast("cpu", torch.float16):
        value = 1e-6 * student(LOW)["enhanced"].float().mean()
    plain = torch.autograd.grad(value, list(student.parameters()))
    assert any(not one.any() for one in plain)
    made = run_autocast(student, LOW, torch.float16, {})
    kept = torch.autograd.grad(1e-6 * made["enhanced"].mean(), list(student.parameters()))
    assert all(one.any() for one in kept)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", AUTOCAST_DTYPES)
def test_what_is_not_finite_stays_so(student, name, bad):
    made = run_autocast(student, LOW, AUTOCAST_DTYPES[name], {})
    found = torch.autograd.grad(bad * made["enhanced"].mean(), list(student.parameters()))
    assert not all(torch.isfinite(one).all() for one in found)


def test_one_graph_gives_several_gradients(student):
    made = run_autocast(student, LOW, torch.float16, {})
    values = [1e-9 * made["enhanced"].mean(), 1e5 * made["curve_map"].mean()]
    alone = [torch.autograd.grad(value, student.e_conv1.depth_conv.weight, retain_graph=True)[0] for value in values]
    both = torch.autograd.grad(sum(values), student.e_conv1.depth_conv.weight)[0]
    torch.testing.assert_close(both, alone[0] + alone[1], rtol=5e-3, atol=0)


def test_a_gradient_of_0_and_none_at_all(student):
    made = run_autocast(student, LOW, torch.float16, {})
    for one in torch.autograd.grad(0 * made["enhanced"].sum(), list(student.parameters())):
        assert not one.any()
    with torch.no_grad():
        assert not run_autocast(student, LOW, torch.float16, {})["enhanced"].requires_grad


def test_the_layers_compute_in_16_bits_and_the_parameters_stay():
    seen = []

    class Watched(nn.Conv2d):
        def _conv_forward(self, value, weight, bias):
            made = super()._conv_forward(value, weight, bias)
            seen.append(made.dtype)
            return made

    network = Watched(3, 3, 1)
    network.forward, plain = lambda low: {"enhanced": plain(low)}, network.forward
    for dtype in AUTOCAST_DTYPES.values():
        run_autocast(network, LOW, dtype, {})
    assert seen == [torch.bfloat16, torch.float16]
    assert network.weight.dtype == torch.float32


@pytest.mark.parametrize("name", AUTOCAST_DTYPES)
def test_every_term_of_the_recipe_still_trains_and_the_teacher_is_untouched(build, name):
    exact, found = build(), build(f"speed.autocast={name}")
    for stage, other in zip(exact.stages, found.stages, strict=True):
        one, two = probe(stage, exact, Batch.from_images(LOW)), probe(other, found, Batch.from_images(LOW))
        values = [each({"low": LOW}).values for each in (one, two)]
        for label, value in values[0].items():
            torch.testing.assert_close(values[1][label], value, rtol=0.05, atol=2e-3)
        teachers = [call for call in two.graph.forward_passes() if call.owner == "teacher"]
        assert all(call.dtype is None for call in teachers)
        assert [call.dtype for call in two.graph.forward_passes() if call.owner == "student"] == [AUTOCAST_DTYPES[name]]
