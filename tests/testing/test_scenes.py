"""Scenes and corruptions are what their names say."""

import pytest
import torch

from zerokd.testing.inputs import noise
from zerokd.testing.scenes import CORRUPTIONS, EXTREME_IMAGES, SCENES, STRENGTHS

IMAGE = noise((2, 3, 8, 8))


@pytest.mark.parametrize("make", [*SCENES.values(), *EXTREME_IMAGES.values()])
def test_every_scene_is_an_image(make):
    output = make(IMAGE)
    assert output.shape == IMAGE.shape
    assert 0 <= output.min() <= output.max() <= 1


def test_flat_scenes_are_flat_and_grey_ones_grey():
    assert SCENES["constant"](IMAGE).std(dim=(2, 3)).max() == 0
    assert SCENES["grey"](IMAGE).std(dim=(1, 2, 3)).max() < 1e-12
    assert SCENES["constant"](IMAGE).mean(dim=(2, 3)).std(dim=1).min() > 0


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_grows_from_nothing_and_keeps_images_images(name):
    corrupt = CORRUPTIONS[name]
    assert torch.equal(corrupt(IMAGE, 0.0), IMAGE)
    distances = [float((corrupt(IMAGE, strength) - IMAGE).abs().mean()) for strength in STRENGTHS]
    assert distances == sorted(distances)
    assert len(set(distances)) == len(STRENGTHS)
    assert 0 <= corrupt(IMAGE, 1.0).min() <= corrupt(IMAGE, 1.0).max() <= 1


def test_directions():
    assert CORRUPTIONS["darkening"](IMAGE, 1.0).mean() < IMAGE.mean() < CORRUPTIONS["brightening"](IMAGE, 1.0).mean()
    assert CORRUPTIONS["blur"](IMAGE, 1.0).std() < IMAGE.std()
    assert CORRUPTIONS["flattening"](IMAGE, 1.0).std() < IMAGE.std()
    assert CORRUPTIONS["cast"](IMAGE, 1.0)[:, 1].mean() < CORRUPTIONS["cast"](IMAGE, 1.0)[:, 0].mean()
