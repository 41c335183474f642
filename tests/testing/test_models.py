"""Every rule of models fails on a model with that defect."""

import pytest
import torch
from torch import nn

import zerokd
from tests.testing.planted import failing
from zerokd.testing.collection import RULES_BY_KIND

DOC = "One layer that brightens.\n\nSource: none; for tests.\n"


class Good(zerokd.Model):
    __doc__ = DOC
    gated = ("layer",)

    def __init__(self, **options):
        super().__init__(**options)
        self.layer = nn.Conv2d(3, 3, 3, padding=1)

    def outputs(self):
        return {"enhanced": zerokd.Signal(range=(0.0, 1.0)), "gain": zerokd.Signal(range=(0.0, 1.0))}

    def gain(self, low):
        return torch.sigmoid(self.layer(low))

    def forward(self, low):
        gain = self.gain(low)
        return {"enhanced": low + gain * low * (1 - low), "gain": gain}


def variant(forward=None, **names):
    return type("Planted", (Good,), {"__doc__": DOC, **names, **({"forward": forward} if forward else {})})


class Measured(Good):
    __doc__ = DOC
    reach = 2

    def measure(self, low):
        return (low.mean((1, 2, 3)),)

    def render(self, low, state, region, strength=1.0):
        return low + strength * self.gain(low) * state[0][:, None, None, None] * low * (1 - low)

    def forward(self, low):
        return {"enhanced": self.render(low, self.measure(low), (0, 0, *low.shape[2:])), "gain": self.gain(low)}


class Shortsighted(Measured):
    __doc__ = DOC
    reach = 0


class Followed(Measured):
    __doc__ = DOC

    def follow(self, state, before, measured, seconds):
        return measured if state is None else (state[0] + min(seconds, 1.0) * (measured[0] - state[0]),)

    def steadiness(self, before, measured, seconds):
        return (measured[0] > 0).float()


class Drifting(Followed):
    __doc__ = DOC

    def follow(self, state, before, measured, seconds):
        return measured if state is None else (0.9 * state[0],)


class Restless(Followed):
    __doc__ = DOC

    def steadiness(self, before, measured, seconds):
        return torch.full_like(measured[0], 0.5)


class Idle(Good):
    __doc__ = DOC

    def __init__(self, **options):
        super().__init__(**options)
        self.unused = nn.Parameter(torch.ones(2))


class Normed(Good):
    __doc__ = DOC

    def __init__(self, **options):
        super().__init__(**options)
        self.norm = nn.BatchNorm2d(3)

    def gain(self, low):
        return torch.sigmoid(self.norm(self.layer(low)))


class Stays(Good):
    __doc__ = DOC

    def __init__(self, **options):
        super().__init__(**options)
        self.scale = torch.ones(1, 3, 1, 1)

    def gain(self, low):
        return torch.sigmoid(self.layer(low) * self.scale)


class Forgets(Good):
    __doc__ = DOC
    instances = 0

    def __init__(self, **options):
        super().__init__(**options)
        type(self).instances += 1
        self.register_buffer("scale", torch.tensor(1.0 + type(self).instances * 1e-2), persistent=False)

    def gain(self, low):
        return torch.sigmoid(self.layer(low) * self.scale)


def more_outputs(self, low):
    return Good.forward(self, low) | {"extra": low}


def too_bright(self, low):
    result = Good.forward(self, low)
    return result | {"enhanced": result["enhanced"] * 1.5}


def halves(self, low):
    small = nn.functional.interpolate(low, scale_factor=0.5) if low.shape[2] > 1 else low
    outputs = Good.forward(self, small)
    big = {name: nn.functional.interpolate(tensor, scale_factor=2) for name, tensor in outputs.items()}
    return big if low.shape[2] > 1 else outputs


class _Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1.0

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


def by_layout(self, low):
    result = Good.forward(self, low)
    last = low.stride(1) == 1 and low.shape[1] > 1 and low.shape[2] > 1
    return result | {"enhanced": result["enhanced"] * (0.9 if last else 1.0)}


def writes(self, low):
    low.clamp_(0.0, 0.9)
    return Good.forward(self, low)


def draws(self, low):
    result = Good.forward(self, low)
    return result | {"gain": result["gain"] * (1 - 0.01 * torch.rand((), device=low.device))}


def looks(self, low):
    outputs = Good.forward(self, low)
    dark = low.device.type != "meta" and low.mean().item() < -1
    return {name: tensor * 0.5 for name, tensor in outputs.items()} if dark else outputs


def overflows(self, low):
    return torch.sigmoid(self.layer(low * 1e6) / 1e6)


def prints(self, low):
    if torch.compiler.is_compiling():
        torch._dynamo.graph_break()
    return Good.forward(self, low)


PLANTED = {
    "outputs_declared": (variant(more_outputs), ("output_ranges",)),
    "output_ranges": (variant(too_bright), ()),
    "any_size": (variant(halves), ("image_alone",)),
    "image_alone": (
        Normed,
        ("gradient_is_slope", "deterministic", "state_round_trip", "gradient_reaches", "any_size", "autocast"),
    ),
    "gradient_reaches": (Idle, ("gradient_is_slope",)),
    "gradient_is_slope": (variant(gain=lambda self, low: torch.sigmoid(_Wrong.apply(self.layer(low)))), ()),
    "gated_exist": (variant(gated=("layer", "other")), ()),
    "channels_last": (variant(by_layout), ()),
    "tiles_agree": (Shortsighted, ()),
    "states_follow": (Drifting, ()),
    "inputs_unchanged": (
        variant(writes),
        ("channels_last", "deterministic", "image_alone", "state_round_trip", "compiles", "gradient_is_slope"),
    ),
    "deterministic": (
        variant(draws),
        ("image_alone", "channels_last", "state_round_trip", "compiles", "gradient_is_slope"),
    ),
    "no_host_sync": (variant(looks), ("compiles",)),
    "moves": (Stays, ("no_host_sync",)),
    "state_round_trip": (Forgets, ("deterministic", "channels_last", "image_alone")),
    "autocast": (variant(gain=overflows), ()),
    "compiles": (variant(prints), ()),
}


def test_a_good_model_passes_everything():
    assert failing("models", Good) == {}
    assert failing("models", Measured) == {}
    assert failing("models", Followed) == {}
    assert "steadiness is" in failing("models", Restless)["states_follow"]


def test_every_rule_has_its_defect():
    assert {rule.name for rule in RULES_BY_KIND["models"]} == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_the_check_fails_on_its_defect_and_hardly_another(name):
    component, others = PLANTED[name]
    result = failing("models", component)
    assert name in result
    assert set(result) <= {name, *others}, result
