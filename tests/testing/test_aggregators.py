"""Every rule of aggregators fails on an aggregator with that defect."""

import pytest
import torch

import zerokd
from tests.testing.planted import failing
from zerokd.testing.collection import RULES_BY_KIND

DOC = """The plain sum of the gradients.

Formula: the sum over the rows.
Source: none; for tests.
Pitfalls: none that is known.

Example:
    >>> 1 + 1
    2
"""


class Good(zerokd.Aggregator):
    __doc__ = DOC

    def forward(self, gradients):
        return gradients.sum(dim=0)


def variant(forward, **names):
    return type("Planted", (Good,), {"__doc__": DOC, "forward": forward, **names})


class Forgets(Good):
    __doc__ = DOC
    instances = 0

    def __init__(self, **options):
        super().__init__(**options)
        type(self).instances += 1
        self.register_buffer("scale", torch.tensor(1.0 + type(self).instances * 1e-6), persistent=False)

    def forward(self, gradients):
        return gradients.sum(dim=0) * self.scale


def normed(self, gradients):
    rows = gradients / gradients.norm(dim=1, keepdim=True)
    return rows.sum(dim=0) * gradients.norm(dim=1).mean()


def writes(self, gradients):
    return gradients.mul_(2.0).sum(dim=0) / 2


def draws(self, gradients):
    return gradients.sum(dim=0) * (1 + 1e-6 * torch.rand(()))


PLANTED = {
    "one_gradient": (variant(lambda self, gradients: gradients.sum(dim=0, keepdim=True)), ("single_term",)),
    "single_term": (variant(lambda self, gradients: 1.1 * gradients.sum(dim=0)), ()),
    "finite": (variant(normed), ()),
    "same_scale": (variant(lambda self, gradients: gradients.mean(dim=0)), ()),
    "inputs_unchanged": (variant(writes), ("deterministic", "state_round_trip", "same_scale", "single_term")),
    "deterministic": (variant(draws), ("state_round_trip",)),
    "state_round_trip": (Forgets, ("deterministic",)),
}


class Learned(zerokd.Weighting):
    __doc__ = DOC

    def start(self, labels, clock):
        self.register_buffer("seen", torch.zeros(len(labels)))

    def factors(self, gradients, terms):
        factors = 1 / (1 + self.seen[terms.positions])
        self.seen[terms.positions] += terms.values.to(self.seen.dtype)
        return factors.to(gradients.dtype)


def learned(**names):
    return type("Planted", (Learned,), {"__doc__": DOC, **names})


def remembers(self, gradients, terms):
    self.calls = getattr(self, "calls", 0) + 1
    return torch.full_like(terms.values, 1 / self.calls)


def touches_all(self, gradients, terms):
    self.seen += 1
    return torch.ones_like(terms.values)


def turns(self, gradients, terms):
    return 2 * Learned.factors(self, gradients, terms) - 1


def explodes(self, gradients, terms):
    self.seen[terms.positions] = (self.seen[terms.positions] / terms.values).to(self.seen.dtype)
    return torch.ones_like(terms.values)


PLANTED_WEIGHTINGS = {
    "state_in_buffers": (learned(factors=remembers), ()),
    "resting_terms": (learned(factors=touches_all), ()),
    "factors": (learned(factors=turns), ()),
    "finite": (learned(factors=explodes), ()),
}


def test_a_good_weighting_passes_everything():
    assert failing("aggregators", Learned) == {}


@pytest.mark.parametrize("name", PLANTED_WEIGHTINGS)
def test_the_check_fails_on_a_weighting_with_its_defect_and_hardly_another(name):
    component, others = PLANTED_WEIGHTINGS[name]
    result = failing("aggregators", component)
    assert name in result
    assert set(result) <= {name, *others}, result


def test_a_good_aggregator_passes_everything():
    assert failing("aggregators", Good) == {}


def test_every_rule_has_its_defect():
    assert {rule.name for rule in RULES_BY_KIND["aggregators"]} == {*PLANTED, *PLANTED_WEIGHTINGS}


@pytest.mark.parametrize("name", PLANTED)
def test_the_check_fails_on_its_defect_and_hardly_another(name):
    component, others = PLANTED[name]
    result = failing("aggregators", component)
    assert name in result
    assert set(result) <= {name, *others}, result
