"""A gradient that is not finite becomes 0, all others stay, and nothing changes while the key is off."""

import pickle

import pytest
import torch

import zerokd
from tests.plugin.test_wrap_loss import PAIR, TEXTS
from zerokd.errors import PluginError
from zerokd.plugin.finite_gradient import with_finite_gradient


def root_distance(image, target):
    """Its gradient is 0/0 where both images are equal, as in many libraries."""
    return (image - target).square().sum(dim=(1, 2, 3)).sqrt()


RootDistance = zerokd.wrap_loss(root_distance, ports=PAIR, reduces_batch=False, finite_gradient=True, **TEXTS)


def gradient(loss, image, target):
    leaf = image.clone().requires_grad_()
    loss(image=leaf, target=target).sum().backward()
    return leaf.grad


def test_only_what_is_not_finite_becomes_zero():
    leaf = torch.tensor([0.0, 4.0], requires_grad=True)
    with_finite_gradient(leaf).sqrt().sum().backward()
    assert leaf.grad.tolist() == [0.0, 0.25]


def test_the_key_is_off_by_default_and_repairs_one_image_without_the_other():
    image, target = torch.tensor([0.5, 0.75]).view(2, 1, 1, 1), torch.full((2, 1, 1, 1), 0.5)
    assert gradient(RootDistance(), image, target).flatten().isnan().tolist() == [True, False]
    repaired = RootDistance(finite_gradient=True)
    assert gradient(repaired, image, target).flatten().tolist() == [0.0, 1.0]
    twin = pickle.loads(pickle.dumps(repaired))
    assert twin(image=image, target=target).tolist() == RootDistance()(image=image, target=target).tolist()
    assert gradient(twin, image, target).flatten().tolist() == [0.0, 1.0]


def test_the_key_is_documented_and_absent_from_other_losses():
    assert RootDistance.Config.model_fields["finite_gradient"].description
    assert not zerokd.wrap_loss(root_distance, ports=PAIR, reduces_batch=False, **TEXTS).Config.model_fields


def test_a_library_that_has_such_an_argument_is_refused():
    def own(image, target, finite_gradient: bool = True):
        return (image - target).mean()

    with pytest.raises(PluginError, match="has an argument 'finite_gradient' of its own"):
        zerokd.wrap_loss(own, ports=PAIR, finite_gradient=True, **TEXTS)
