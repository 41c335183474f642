"""Pixels move to where a loss alone is least; what takes no image has no picture."""

import pytest

from tools.site import loss_pictures
from tools.site.loss_pictures import can_be_shown, draw_loss, find_options, make_scene, train_pixels
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.loading import load_component

CATALOGUE = discover_plugins()


def component(name):
    return load_component(CATALOGUE.find("losses", name))


def spread(image):
    """How far the means of the channels are apart."""
    means = image.mean(dim=(2, 3))
    return float((means.amax(1) - means.amin(1)).mean())


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(loss_pictures, "SIDE", 32)


def test_the_target_is_brighter_than_the_dark_photo():
    dark, target = make_scene(32)
    assert dark.shape == target.shape == (1, 3, 32, 32)
    assert target.mean() > dark.mean() + 0.1


def test_a_target_is_reached_and_a_grey_mean():
    dark, pixels, target = train_pixels(component("mse"))
    assert (pixels - target).square().mean() < 0.05 * (dark - target).square().mean()
    dark, pixels, _ = train_pixels(component("color_constancy"))
    assert spread(pixels) < 0.1 * spread(dark)


def test_pictures_repeat_and_have_two_columns():
    first, second = (draw_loss(CATALOGUE.find("losses", "l1")) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first.size == (68, 32)


@pytest.mark.parametrize("name", ["adversarial", "discrimination", "parameter_norm", "consistency"])
def test_what_takes_no_image_has_no_picture(name):
    assert not can_be_shown(component(name))
    assert draw_loss(CATALOGUE.find("losses", name)) is None


def test_gradients_that_are_not_finite_give_no_picture(monkeypatch):
    class Undefined(component("l1")):
        def forward(self, *, prediction, target):
            return (prediction - prediction.detach()).square().mean(dim=(1, 2, 3)).sqrt()

    assert train_pixels(Undefined) is None


def test_the_first_example_is_drawn_with_the_keys_that_keep_gradients_finite():
    assert find_options(component("vgg_perceptual")) == {"weights": "random"}
    assert find_options(component("l1")) == {}
