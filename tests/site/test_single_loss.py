"""A term alone moves the student where the term is least."""

from importlib.resources import files

import pytest
import torch

from tools.site import single_loss
from zerokd.plugin.discovery import discover_plugins

CATALOGUE = discover_plugins()


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(single_loss, "STEPS", 40)
    monkeypatch.setattr(single_loss, "IMAGE_SIZE", 32)
    monkeypatch.setattr(single_loss, "SHOWN_SIZE", 48)


def trained(name):
    text = single_loss.build_recipe_text(
        CATALOGUE.find("losses", name), files("zerokd.assets") / "nano_dce.safetensors", "random"
    )
    return single_loss.train_single_loss(text, CATALOGUE)


def spread(images):
    """How far the means of the channels are apart."""
    means = images.mean(dim=(2, 3))
    return (means.amax(1) - means.amin(1)).mean()


def test_a_grey_mean_is_reached(small):
    low, before, after = trained("color_constancy")
    assert low.shape == before.shape == after.shape == (2, 3, 48, 48)
    assert spread(after) < spread(before)


def test_the_teachers_picture_is_kept(small):
    _, before, after = trained("mse")
    assert (after - before).abs().mean() < 0.02


def test_an_input_kept_as_it_is(small):
    low, before, after = trained("spatial_consistency")
    assert (after - low).abs().mean() < (before - low).abs().mean()


def test_a_sheet_has_a_column_for_each_batch():
    sheet = single_loss.draw_sheet((torch.zeros(2, 3, 8, 8), torch.ones(2, 3, 8, 8)))
    assert sheet.size == (8 + single_loss.SHEET_GAP + 8, 8 + single_loss.SHEET_GAP + 8)
    assert sheet.getpixel((0, 0)) == (0, 0, 0, 255)
    assert sheet.getpixel((19, 19)) == (255, 255, 255, 255)
    assert sheet.getpixel((9, 9))[3] == 0
