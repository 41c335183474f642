"""State outside parameters and buffers is refused before the first step, with the remedy; everything stored passes."""

from collections import deque
from functools import partial

import pytest
import torch
from torch import nn

from tests.proof.test_term_traps import Image, planted, sample  # noqa: F401 - a fixture
from zerokd.errors import RecipeError
from zerokd.plugin.batch import Batch
from zerokd.proof.hidden_state import find_hidden_state
from zerokd.proof.probe import probe


class Holder:
    """An object with an attribute."""

    def __init__(self, value):
        self.value = value


def closure(value):
    return lambda: value


def module_with(value):
    module = nn.Linear(2, 2)
    module.held = value
    return module


def nested():
    module = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    module[1].cache = {"a": torch.zeros(1)}
    return module


HIDDEN = {
    "a tensor": (lambda: module_with(torch.zeros(2)), "self.held", "register_buffer"),
    "in a list": (lambda: module_with([0, torch.zeros(2)]), "self.held[1]", "register_buffer"),
    "in a dict": (lambda: module_with({"a": (torch.zeros(2),)}), "self.held['a'][0]", "register_buffer"),
    "in a deque": (lambda: module_with(deque([torch.zeros(2)])), "self.held[0]", "register_buffer"),
    "in an object": (lambda: module_with(Holder(torch.zeros(2))), "self.held.value", "register_buffer"),
    "in a closure": (lambda: module_with(closure(torch.zeros(2))), "self.held.<value>", "register_buffer"),
    "in a partial": (lambda: module_with(partial(print, torch.zeros(2))), "self.held.args[0]", "register_buffer"),
    "in a submodule": (nested, "self.1.cache['a']", "register_buffer"),
    "a module in a list": (lambda: module_with([nn.Linear(1, 1)]), "self.held[0]", "nn.ModuleList"),
    "an optimizer": (lambda: module_with(torch.optim.SGD([torch.zeros(1)])), "self.held", "no step()"),
    "an optimizer in a list": (lambda: module_with([torch.optim.Adam([torch.zeros(1)])]), "self.held[0]", "no step()"),
}


@pytest.mark.parametrize(("build_module", "path", "remedy"), HIDDEN.values(), ids=HIDDEN)
def test_hidden_state_is_named_with_the_remedy(build_module, path, remedy):
    (problem,) = find_hidden_state("loss 'x'", build_module(), None)
    assert f" in {path} that is no part of its parameters and buffers" in problem.message
    assert any(remedy in hint for hint in problem.hints)
    assert problem.code == "hidden-state"


def test_what_a_checkpoint_stores_passes():
    module = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1))
    module.register_buffer("stored", torch.zeros(2))
    module.register_buffer("constant", torch.zeros(2), persistent=False)
    module.again = [module.stored, module[1].weight, module[1]]  # the same objects
    module.numbers, module.function, module.kind = (1, 2.5, "text", None), torch.relu, torch.Tensor
    module.itself = Holder(module)
    assert list(find_hidden_state("x", module, None)) == []


class WithOptimizer(Image):
    """Trains a scale of its own."""

    def __init__(self, **options):
        super().__init__(**options)
        self.scale = nn.Parameter(torch.ones(()))
        self.optimizer = torch.optim.SGD([self.scale], lr=0.1)

    def forward(self, *, enhanced):
        return self.scale * enhanced.mean(dim=(1, 2, 3))


class LazyTensor(Image):
    """Remembers an image, from its first call on."""

    def forward(self, *, enhanced):
        self.last = enhanced.detach()
        return enhanced.mean(dim=(1, 2, 3))


@pytest.mark.parametrize(
    ("loss", "text"), [(WithOptimizer, "an optimizer in self.optimizer"), (LazyTensor, "a tensor")]
)
def test_a_term_with_hidden_state_is_refused_at_its_line(planted, loss, text):  # noqa: F811
    components = planted(loss)
    with pytest.raises(RecipeError, match=f"distillation.planted: loss '{loss.__name__}' holds {text}") as caught:
        probe(components.stages[1], components, Batch.from_images(sample()))
    assert [problem.code for problem in caught.value.problems] == ["hidden-state"]
    assert caught.value.problems[0].place is not None
