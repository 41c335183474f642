"""Every rule of losses fails on a loss with exactly that defect."""

import re

import pytest
import torch
from attrs import evolve
from pydantic import BaseModel, Field
from torch import nn

import zerokd
from tests.testing.planted import failing
from zerokd.testing.collection import rules_for_kind

DOC = """Rewards a prediction that equals its target, with a smooth absolute value.

Formula: the mean of sqrt((p - t)^2 + e^2) - e.
Returns: (N,), in [0, inf), 0 exactly when both are equal.
Scale: mean over channels, height and width.
Source: Charbonnier et al., 1994. No released code.
Pitfalls: none that is known.

Example:
    >>> 1 + 1
    2
"""


class Good(zerokd.Loss):
    __doc__ = DOC

    class Config(zerokd.Config):
        epsilon: float = Field(1e-3, gt=0.0, description="what is smoothed, as a share of the range")

    ports = {
        "prediction": zerokd.Port("the student's image", (0.0, 1.0), grad=True, default="student.enhanced"),
        "target": zerokd.Port("what it should be", (0.0, 1.0), default="teacher.enhanced", like="prediction"),
    }
    best_on = ("identical",)
    worsens_with = ("noise", "darkening")

    def distance(self, prediction, target):
        wide = (prediction - target).to(torch.promote_types(prediction.dtype, torch.float32))
        return (wide.square() + self.config.epsilon**2).sqrt() - self.config.epsilon

    def forward(self, *, prediction, target):
        return self.distance(prediction, target).mean(dim=(1, 2, 3))


def variant(forward=None, **names):
    """The good loss with other parts, documented as it is."""
    more = {"__doc__": DOC, **names}
    if forward:
        more["forward"] = forward
    return type("Planted", (Good,), more)


def batch_mean(self, *, prediction, target):
    return self.distance(prediction, target).mean()


def half(self, *, prediction, target):
    return self.distance(prediction, target).mean(dim=(1, 2, 3)).half()


def by_place(self, *, prediction, target):
    place = torch.arange(1, len(prediction) + 1, device=prediction.device)
    return self.distance(prediction, target).mean(dim=(1, 2, 3)) * place


def by_batch_maximum(self, *, prediction, target):
    distance = self.distance(prediction, target).mean(dim=(1, 2, 3))
    return distance / (1e-3 + prediction.amax())


def divided(self, *, prediction, target):
    return self.distance(prediction, target).mean(dim=(1, 2, 3)) / target.mean(dim=(1, 2, 3))


def needs_even(self, *, prediction, target):
    halves = self.distance(prediction, target)
    return torch.stack(halves.chunk(2, dim=3)).mean(dim=(0, 2, 3, 4)) if halves.shape[3] > 1 else halves.view(-1, 0)


def summed(self, *, prediction, target):
    return self.distance(prediction, target).sum(dim=(1, 2, 3))


def three_channels(self, *, prediction, target):
    weights = prediction.new_tensor([0.3, 0.6, 0.1]).view(1, 3, 1, 1)
    return (self.distance(prediction, target) * weights).mean(dim=(1, 2, 3))


def below_zero(self, *, prediction, target):
    return self.distance(prediction, target).mean(dim=(1, 2, 3)) - (1 - target).mean(dim=(1, 2, 3)) * 1e-3


def never_best(self, *, prediction, target):
    return self.distance(prediction, target).mean(dim=(1, 2, 3)) + 0.1


def turns_back(self, *, prediction, target):
    distance = self.distance(prediction, target).mean(dim=(1, 2, 3))
    return distance * (0.2 - distance).square()


def writes(self, *, prediction, target):
    target.clamp_(0.1, 1.0)
    return self.distance(prediction, target).mean(dim=(1, 2, 3))


def looks(self, *, prediction, target):
    scale = max(target.max().item(), 1.0) if target.device.type != "meta" else 1.0
    return self.distance(prediction, target).mean(dim=(1, 2, 3)) / scale


class Stays(Good):
    __doc__ = DOC

    def __init__(self, **options):
        super().__init__(**options)
        self.weights = torch.full((1, 1, 1, 1), 1.0)  # no buffer: .to() does not see it

    def forward(self, *, prediction, target):
        ones = torch.ones(prediction.shape[2:])
        return (self.distance(prediction, target) * ones * self.weights).mean(dim=(1, 2, 3))


def overflows(self, *, prediction, target):
    narrow = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else prediction.dtype
    distance = self.distance(prediction, target).to(narrow).flatten(1)
    return (distance * 1e4).square().mean(dim=1).sqrt().to(prediction.dtype) / 1e4


class Forgets(Good):
    __doc__ = DOC
    instances = 0

    def __init__(self, **options):
        super().__init__(**options)
        type(self).instances += 1
        self.register_buffer("scale", torch.tensor(1.0), persistent=False)
        self.scale += type(self).instances * 1e-3

    def forward(self, *, prediction, target):
        return self.distance(prediction, target).mean(dim=(1, 2, 3)) * self.scale


def cut(self, *, prediction, target):
    return self.distance(prediction.detach(), target).mean(dim=(1, 2, 3)) + 0 * prediction.mean(dim=(1, 2, 3))


def leaking(self, **ports):
    return nn.Module.__call__(self, **ports)


def rooted(self, *, prediction, target):
    return (prediction - target).square().mean(dim=(1, 2, 3)).sqrt()


class _Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1.0

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


def wrong_slope(self, *, prediction, target):
    return self.distance(_Wrong.apply(prediction), target).mean(dim=(1, 2, 3))


def draws(self, *, prediction, target):
    return self.distance(prediction, target).mean(dim=(1, 2, 3)) * (1 + 0.01 * torch.rand((), device=prediction.device))


def prints(self, *, prediction, target):
    if torch.compiler.is_compiling():
        torch._dynamo.graph_break()
    return self.distance(prediction, target).mean(dim=(1, 2, 3))


class Prepares(Good):
    """Prepares another target than it compares with."""

    __doc__ = DOC

    def prepare(self, *, target):
        return (target * 0.99,)

    def compare(self, target, *, prediction):
        return self.distance(prediction, target).mean(dim=(1, 2, 3))


class Loose(BaseModel):
    epsilon: float = Field(1e-3, description="what is smoothed, as a share")


class Silent(zerokd.Config):
    epsilon: float = 1e-3


class OneWay(zerokd.Config):
    epsilon: float = Field(1e-3, description="what is smoothed, as a share")
    layers: set[str] = Field(frozenset({"a"}), description="something TOML has no type for")


class Noisy(Good):
    __doc__ = DOC

    def __init__(self, **options):
        super().__init__(**options)
        self.register_buffer("noise", torch.rand(3))


PLANTED = {  # check: the class, and the checks that may fail with it
    "docstring": (type("Planted", (Good,), {"__doc__": DOC.replace("Pitfalls", "Notes")}), ()),
    "prepared_alike": (Prepares, ()),
    "example": (type("Planted", (Good,), {"__doc__": DOC.replace("    2", "    3")}), ()),
    "config_described": (variant(Config=Silent), ()),
    "config_strict": (variant(Config=Loose), ()),
    "config_round_trip": (variant(Config=OneWay), ()),
    "construction": (Noisy, ()),
    "ports_declared": (
        variant(forward=lambda self, prediction, target: Good.forward(self, prediction=prediction, target=target)),
        (),
    ),
    "value_per_image": (
        variant(half),
        (
            "bounds",
            "best_value",
            "autocast",
            "batch_order",
            "batch_company",
            "compiles",
            "gradient_is_slope",
            "deterministic",
        ),
    ),
    "batch_order": (variant(by_place), ("batch_company",)),
    "batch_company": (variant(by_batch_maximum), ("batch_order",)),
    "finite_values": (variant(divided), ("bounds", "finite_gradients", "worsening")),
    "sizes": (variant(needs_even), ("batch_order",)),
    "channels": (variant(three_channels), ("scale",)),
    "scale": (variant(summed), ()),
    "bounds": (variant(below_zero), ("best_value",)),
    "best_value": (variant(never_best), ()),
    "worsening": (variant(turns_back), ("gradient_is_slope",)),
    "inputs_unchanged": (
        variant(writes),
        ("deterministic", "gradient_is_slope", "best_value", "worsening", "bounds", "compiles"),
    ),
    "no_host_sync": (variant(looks), ("compiles",)),
    "moves": (Stays, ("no_host_sync",)),
    "autocast": (variant(overflows), ("finite_gradients", "best_value", "bounds", "compiles")),
    "state_round_trip": (Forgets, ("deterministic", "best_value", "construction")),
    "asks_for_gradient": (
        variant(ports={name: zerokd.Port(port.about, port.range) for name, port in Good.ports.items()}),
        ("compiles", "gradient_is_slope"),
    ),
    "gradient_reaches": (variant(cut), ("gradient_is_slope",)),
    "finite_gradients": (variant(rooted), ("compiles",)),
    "gradient_is_slope": (variant(wrong_slope), ("compiles",)),
    "deterministic": (
        variant(draws),
        (
            "batch_company",
            "batch_order",
            "gradient_is_slope",
            "compiles",
            "state_round_trip",
            "best_value",
            "worsening",
        ),
    ),
    "compiles": (variant(prints), ()),
}


def test_a_good_loss_passes_everything():
    assert failing("losses", Good) == {}


def test_a_loss_that_computes_in_float32_passes_everything():
    def narrow(self, *, prediction, target):
        return self.distance(prediction.float(), target.float()).mean(dim=(1, 2, 3))

    assert failing("losses", variant(narrow)) == {}


def test_a_wrong_gradient_in_float32_is_found():
    def narrow(self, *, prediction, target):
        return wrong_slope(self, prediction=prediction.float(), target=target.float())

    assert "gradient_is_slope" in failing("losses", variant(narrow))


def test_a_network_that_draws_weights_before_it_loads_others_passes():
    class Pretrained(Good):
        __doc__ = DOC

        def __init__(self, **options):
            super().__init__(**options)
            self.network = nn.Conv2d(3, 3, 1)  # draws
            nn.init.dirac_(self.network.weight)
            nn.init.zeros_(self.network.bias)
            self.requires_grad_(False)

        def forward(self, *, prediction, target):
            return self.distance(self.network(prediction), self.network(target)).mean(dim=(1, 2, 3))

    three = {name: evolve(port, channels=3) for name, port in Good.ports.items()}
    assert failing("losses", type("Planted", (Pretrained,), {"__doc__": DOC, "ports": three})) == {}


def test_every_rule_has_its_defect():
    assert {rule.name for rule in rules_for_kind("losses")} - set(PLANTED) == {"summary"}


@pytest.mark.parametrize("name", PLANTED)
def test_the_check_fails_on_its_defect_and_hardly_another(name):
    component, others = PLANTED[name]
    result = failing("losses", component)
    assert name in result
    assert set(result) <= {name, *others}, result


def test_weights_that_depend_on_the_random_generator_are_told():
    assert "they depend on the global random generator" in failing("losses", Noisy)["construction"]


def test_a_wrong_gradient_is_told_with_both_numbers():
    reason = failing("losses", variant(wrong_slope))["gradient_is_slope"]
    claimed, slope = (float(number) for number in re.findall(r"\[(.+?)\]", reason))
    assert claimed == pytest.approx(2 * slope, rel=1e-3)


def test_a_gradient_that_leaks_past_the_contract_is_seen():
    result = failing("losses", variant(__call__=leaking))
    assert "does not require it" in result["gradient_reaches"]


def test_a_mean_over_the_batch_is_told_as_such():
    assert "returned the shape () for 1 images, not (1,)" in failing("losses", variant(batch_mean))["value_per_image"]


@pytest.mark.parametrize("summary", ["", "Ends in a full stop.", "x" * 81])
def test_a_summary_is_one_short_line(summary):
    assert set(failing("losses", Good, summary=summary)) == {"summary"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"best_on": ("paradise",)}, "'paradise', which is not a scene"),
        ({"worsens_with": ("sadness",)}, "'sadness', which is not a corruption"),
        ({"best_on": ()}, "worsens_with needs a scene to start from"),
        ({"bounds": (1.0, 0.0)}, "are not an interval"),
    ],
)
def test_a_declaration_that_means_nothing_is_told(names, message):
    assert any(message in text for text in failing("losses", variant(**names)).values())
