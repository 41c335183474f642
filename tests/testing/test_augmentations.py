"""Every rule of augmentations fails on an augmentation with that defect."""

import pytest
import torch

import zerokd
from tests.testing.planted import failing
from zerokd.testing.collection import RULES_BY_KIND


class Good(zerokd.Augmentation):
    """Darkens an image by a random factor."""

    def draw(self, generator):
        return 0.5 + 0.5 * torch.rand((), generator=generator)

    def apply(self, low, draws):
        return low * draws.view(-1, 1, 1, 1)


def variant(**names):
    return type("Planted", (Good,), {"__doc__": "A test.", **names})


def writes(self, low, draws):
    low.mul_(draws.view(-1, 1, 1, 1))
    return low * 1.0


def by_batch(self, low, draws):
    return low * draws.view(-1, 1, 1, 1) * (1 - 0.1 * low.mean())


def noisy(self, low, draws):
    return low * draws.view(-1, 1, 1, 1) * torch.rand((), device=low.device)


def on_the_cpu(self, low, draws):
    return low * draws.view(-1, 1, 1, 1) * torch.full(low.shape[2:], 0.9)


PLANTED = {
    "draws": (variant(draw=lambda self, generator: torch.rand(())), ("draws",)),
    "keeps_images": (variant(apply=lambda self, low, draws: low + draws.view(-1, 1, 1, 1)), ()),
    "changes_something": (variant(apply=lambda self, low, draws: low * 1.0), ()),
    "image_alone": (variant(apply=by_batch), ()),
    "deterministic": (variant(apply=noisy), ("image_alone",)),
    "inputs_unchanged": (variant(apply=writes), ()),
    "any_device": (variant(apply=on_the_cpu), ()),
}


def test_a_good_augmentation_passes_everything():
    assert failing("augmentations", Good) == {}


def test_every_rule_has_its_defect():
    assert {rule.name for rule in RULES_BY_KIND["augmentations"]} == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_the_check_fails_on_its_defect_and_hardly_another(name):
    component, others = PLANTED[name]
    result = failing("augmentations", component)
    assert name in result
    assert set(result) <= {name, *others}, result


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda self, generator: torch.rand((), generator=generator, dtype=torch.float64), "not float32"),
        (lambda self, generator: torch.tensor(0.7), "eight generators give the same draw"),
    ],
)
def test_draws_are_float32_and_random(draw, message):
    assert message in failing("augmentations", variant(draw=draw))["draws"]
