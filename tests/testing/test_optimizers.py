"""Every rule of optimizers fails on an optimizer with that defect."""

import itertools

import pytest
import torch

import zerokd
from tests.testing.planted import failing
from zerokd.testing.collection import RULES_BY_KIND

DOC = """Gradient descent for tests.

Formula: the parameter minus the learning rate times the gradient.
Source: none; for tests.
Pitfalls: none that is known.
"""


class Descent(torch.optim.Optimizer):
    """Gradient descent with a count of steps."""

    def __init__(self, groups):
        super().__init__(groups, {"lr": 1.0})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                self.update(self.state[parameter], parameter, group["lr"])

    def update(self, state, parameter, lr):
        count = state.setdefault("count", torch.zeros(()))
        count += 1
        parameter.sub_(parameter.grad, alpha=lr * (1 + 1 / float(count)))


class Good(zerokd.Optimizer):
    __doc__ = DOC
    is_elementwise = True
    steps = Descent

    def create(self, groups):
        return self.steps(groups)


def variant(update=None, **names):
    steps = type("Steps", (Descent,), {"update": update} if update else {})
    return type("Planted", (Good,), {"__doc__": DOC, "steps": steps, **names})


def own_rate(self, groups):
    return Descent([{**group, "lr": 2e-3} for group in groups])


def climbs(self, state, parameter, lr):
    parameter.add_(parameter.grad, alpha=lr)


def own_speed(self, state, parameter, lr):
    parameter.sub_(parameter.grad, alpha=1e-3)


def draws(self, state, parameter, lr):
    parameter.sub_(parameter.grad * torch.rand(()), alpha=lr)


def counts_in_python(self, state, parameter, lr):
    state["count"] = state.get("count", 0) + 1
    parameter.sub_(parameter.grad, alpha=lr)


class Forgets(Descent):
    """Its velocity is outside its state."""

    def __init__(self, groups):
        super().__init__(groups)
        self.counter = itertools.count(1)

    def update(self, state, parameter, lr):
        parameter.sub_(parameter.grad, alpha=lr / next(self.counter))


def normalises(self, state, parameter, lr):
    parameter.sub_(parameter.grad / parameter.grad.norm(), alpha=lr)


PLANTED = {
    "groups_unchanged": (variant(create=own_rate), ()),
    "descends": (variant(climbs), ()),
    "follows_each_rate": (variant(own_speed), ()),
    "deterministic": (variant(draws), ("resumes", "elementwise")),
    "state_in_tensors": (variant(counts_in_python), ()),
    "resumes": (variant(steps=Forgets), ("elementwise",)),
    "elementwise": (variant(normalises), ()),
}


def test_a_good_optimizer_passes_everything():
    assert failing("optimizers", Good) == {}


def test_every_rule_has_its_defect():
    assert {rule.name for rule in RULES_BY_KIND["optimizers"]} == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_the_check_fails_on_its_defect_and_hardly_another(name):
    component, others = PLANTED[name]
    result = failing("optimizers", component)
    assert name in result
    assert set(result) <= {name, *others}, result


def test_what_combines_the_numbers_of_a_matrix_may_say_so():
    assert failing("optimizers", variant(normalises, is_elementwise=False)) == {}
