"""The ratio of image and light: by hand, where it is 0, and what gets gradient."""

import pytest
import torch
from zerokd_published.reflectance_ratio import ReflectanceRatio, reflectance_ratio


def noise(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_by_hand():
    reflectance, image = torch.tensor([[[[0.5, 1.0]]]]), torch.tensor([[[[0.1, 0.3]]]])
    light = torch.tensor([[[[0.4, 0.1]]]])
    assert reflectance_ratio(reflectance, image, light).item() == pytest.approx((0.25**2 + 2.0**2) / 2)


def test_the_floor_takes_the_place_of_a_smaller_light():
    zero = torch.zeros(1, 3, 2, 2)
    assert reflectance_ratio(zero, zero + 0.1, zero, floor=0.2).tolist() == pytest.approx([0.25])
    unit = zero + 1
    assert reflectance_ratio(zero, unit, zero, floor=0.2).tolist() == pytest.approx([25.0])  # the greatest value


def test_it_is_0_where_reflectance_and_light_recompose_the_image():
    light, reflectance = 0.2 + 0.8 * noise(2, 3, 4, 5), noise(2, 3, 4, 5, seed=1)
    assert reflectance_ratio(reflectance, light * reflectance, light).max() < 1e-30


def test_the_light_gets_no_gradient():
    tensors = {name: noise(1, 3, 2, 2, seed=seed).requires_grad_() for seed, name in enumerate(ReflectanceRatio.ports)}
    ReflectanceRatio()(**tensors).sum().backward()
    assert tensors["illumination"].grad is None
    error = tensors["reflectance"] - tensors["image"] / tensors["illumination"]
    torch.testing.assert_close(tensors["reflectance"].grad, 2 * error.detach() / 12)
    torch.testing.assert_close(tensors["image"].grad, (-2 * error / 12 / tensors["illumination"]).detach())
