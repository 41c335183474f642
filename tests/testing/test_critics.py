"""Every rule of critics fails on a critic with that defect."""

import pytest
import torch
from torch import nn

import zerokd
from tests.testing.planted import failing
from zerokd.testing.collection import RULES_BY_KIND

DOC = """One convolution, and the mean of what it sees.

Source: none; for tests.
"""


class Good(zerokd.Critic):
    __doc__ = DOC

    def __init__(self, **options):
        super().__init__(**options)
        self.convolution = nn.Conv2d(3, 4, 3, 2)

    def forward(self, image):
        return self.convolution(image).tanh().mean(dim=(1, 2, 3))


def variant(forward):
    return type("Planted", (Good,), {"__doc__": DOC, "forward": forward})


def divides(self, image):
    return Good.forward(self, image) / image.mean(dim=(1, 2, 3))


def normalizes(self, image):
    scores = Good.forward(self, image)
    return scores - scores.mean()


def ignores(self, image):
    return Good.forward(self, image.detach())


PLANTED = {
    "scores": (variant(divides), ("gradient_reaches",)),
    "image_alone": (variant(normalizes), ("gradient_reaches",)),
    "gradient_reaches": (variant(ignores), ()),
}


def test_a_good_critic_passes_everything():
    assert failing("critics", Good) == {}


def test_every_rule_of_its_own_has_its_defect():
    own = [rule.name for rule in RULES_BY_KIND["critics"] if rule.verify.__module__ == "zerokd.testing.critics"]
    assert own == list(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_the_check_fails_on_its_defect_and_hardly_another(name):
    component, others = PLANTED[name]
    result = failing("critics", component)
    assert name in result
    assert set(result) <= {name, *others}, result


def test_batch_normalisation_is_noticed():
    class Normalized(Good):
        __doc__ = DOC

        def forward(self, image):
            return Good.forward(self, nn.functional.batch_norm(image, None, None, training=True))

    assert "image_alone" in failing("critics", Normalized)


def test_a_score_for_each_patch_is_one_too():
    class Patches(Good):
        __doc__ = DOC

        def forward(self, image):
            return self.convolution(image)

    assert failing("critics", Patches) == {}
    assert Patches()(torch.rand(2, 3, 9, 9)).shape == (2, 4, 4, 4)
