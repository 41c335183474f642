"""Every rule of adapters fails on an adapter with that defect."""

import attrs
import pytest
import torch
from torch import nn

import zerokd
from tests.testing.planted import failing
from zerokd.testing.collection import RULES_BY_KIND

DOC = """The mean over channels.

Source: none; for tests.

Example:
    >>> 1 + 1
    2
"""


class Good(zerokd.Adapter):
    __doc__ = DOC

    def describe(self, signals):
        return {n: attrs.evolve(signal, shape=(1, *signal.shape[1:]), iterations=None) for n, signal in signals.items()}

    def forward(self, tensors):
        return {name: tensor.mean(dim=1, keepdim=True) for name, tensor in tensors.items()}


def variant(forward=None, **names):
    return type("Planted", (Good,), {"__doc__": DOC, **names, **({"forward": forward} if forward else {})})


def to_the_first(self, tensors):
    """As many channels as each has, cut to two where there are more than three: not what the other has."""
    return {name: tensor[:, : max(1, tensor.shape[1] - 1)] for name, tensor in tensors.items()}


def cut_channels(self, signals):
    return {
        n: attrs.evolve(tensor, shape=(max(1, tensor.shape[0] - 1), *tensor.shape[1:])) for n, tensor in signals.items()
    }


def unequal(self, signals):
    described = cut_channels(self, signals)
    last = list(signals)[-1]
    return described | {last: attrs.evolve(signals[last], shape=signals[last].shape)}


def unequal_forward(self, tensors):
    outputs = to_the_first(self, tensors)
    last = list(tensors)[-1]
    return outputs | {last: tensors[last] * 1.0}


class Stays(Good):
    __doc__ = DOC

    def __init__(self, **options):
        super().__init__(**options)
        self.scale = torch.ones(1, 1, 1, 1)

    def forward(self, tensors):
        return {name: tensor * self.scale for name, tensor in Good.forward(self, tensors).items()}


class Forgets(Good):
    __doc__ = DOC
    instances = 0

    def __init__(self, **options):
        super().__init__(**options)
        type(self).instances += 1
        self.register_buffer("scale", torch.tensor(1.0 - type(self).instances * 1e-4), persistent=False)

    def forward(self, tensors):
        return {name: tensor * self.scale for name, tensor in Good.forward(self, tensors).items()}


def shifted(self, tensors):
    outputs = Good.forward(self, tensors)
    return {name: tensor - tensor.mean() for name, tensor in outputs.items()}


def detached(self, tensors):
    return {name: tensor.detach() for name, tensor in Good.forward(self, tensors).items()}


def writes(self, tensors):
    for tensor in tensors.values():
        tensor.data.mul_(1.0)
        tensor.detach().add_(0.0)
    return Good.forward(self, tensors)


def draws(self, tensors):
    return {
        n: tensor * (1 - 1e-3 * torch.rand((), device=tensor.device))
        for n, tensor in Good.forward(self, tensors).items()
    }


def looks(self, tensors):
    any_tensor = next(iter(tensors.values()))
    if any_tensor.device.type != "meta" and any_tensor.sum().item() > 1e9:
        return dict(tensors)
    return Good.forward(self, tensors)


class Narrow(Good):
    __doc__ = DOC

    def __init__(self, **options):
        super().__init__(**options)
        self.layer = nn.Conv2d(1, 1, 1)
        nn.init.constant_(self.layer.weight, 1e6)
        nn.init.zeros_(self.layer.bias)

    def forward(self, tensors):
        return {name: self.layer(tensor) / 1e6 for name, tensor in Good.forward(self, tensors).items()}


def to_the_mean(self, tensors):
    outputs = Good.forward(self, tensors)
    mean = sum(tensor.mean(dim=(1, 2, 3), keepdim=True) for tensor in outputs.values()) / len(outputs)
    return {name: 0.5 * (tensor + mean) for name, tensor in outputs.items()}


def prints(self, tensors):
    if torch.compiler.is_compiling():
        torch._dynamo.graph_break()
    return Good.forward(self, tensors)


PLANTED = {
    "describes": (variant(lambda self, tensors: dict(tensors)), ()),
    "comparable": (variant(unequal_forward, describe=unequal), ()),
    "image_alone": (variant(shifted), ("describes",)),
    "gradient_flows": (variant(detached), ()),
    "inputs_unchanged": (variant(writes), ("compiles", "gradient_flows")),
    "deterministic": (variant(draws), ("image_alone", "compiles", "state_round_trip")),
    "no_host_sync": (variant(looks), ("compiles",)),
    "moves": (Stays, ("no_host_sync",)),
    "state_round_trip": (Forgets, ("deterministic",)),
    "autocast": (Narrow, ("state_round_trip",)),
    "compiles": (variant(prints), ()),
    "ports_apart": (variant(to_the_mean, is_per_port=True), ("describes",)),
}


def test_a_good_adapter_passes_everything():
    assert failing("adapters", Good) == {}


def test_every_rule_has_its_defect():
    assert {rule.name for rule in RULES_BY_KIND["adapters"]} == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_the_check_fails_on_its_defect_and_hardly_another(name):
    component, others = PLANTED[name]
    result = failing("adapters", component)
    assert name in result
    assert set(result) <= {name, *others}, result


def test_an_adapter_refuses_with_valueerror_and_a_word():
    def mute(self, signals):
        raise ValueError

    def other(self, signals):
        raise KeyError("iterations")

    assert "without a message" in failing("adapters", variant(describe=mute))["describes"]
    assert "raises KeyError" in failing("adapters", variant(describe=other))["describes"]
