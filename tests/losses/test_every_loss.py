"""What every built-in loss promises beyond the conformance kit: its names, and a scale that nothing changes."""

import inspect

import pytest
import torch

from zerokd.plugin.discovery import discover_plugins
from zerokd.testing.collection import make_subjects
from zerokd.testing.inputs import make_port_tensors

ENTRIES = {entry.spec.name: entry for entry in discover_plugins().for_kind("losses") if entry.provider.builtin}
METRICS = {entry.spec.name for entry in discover_plugins().for_kind("metrics") if entry.provider.builtin}
AVERAGED = "mse feature_matching contrastive exposure_control multi_region_exposure"
UNCHANGED_BY_CHANNELS = f"{AVERAGED} total_variation spatial_consistency ssim"
UNCHANGED_BY_TILING = f"{AVERAGED} color_constancy saturation"  # the others look across the seam
GAME = ("adversarial", "discrimination")  # Wasserstein's form has no least value
every_loss = pytest.mark.parametrize("name", ENTRIES)


def build(name):
    return make_subjects(ENTRIES[name])[0].build()


@pytest.mark.parametrize("name", UNCHANGED_BY_CHANNELS.split())
def test_more_channels_of_the_same_change_nothing(name):
    loss = build(name).double()
    ports = make_port_tensors(loss, dtype=torch.float64)
    repeated = {port: tensor.repeat(1, 2, 1, 1) for port, tensor in ports.items()}
    torch.testing.assert_close(loss(**repeated), loss(**ports))


@pytest.mark.parametrize("name", UNCHANGED_BY_TILING.split())
def test_more_pixels_of_the_same_change_nothing(name):
    loss = build(name).double()
    ports = make_port_tensors(loss, size=(2 * loss.min_size(), 3 * loss.min_size()), dtype=torch.float64)
    tiled = {port: tensor.repeat(1, 1, 2, 3) for port, tensor in ports.items()}
    torch.testing.assert_close(loss(**tiled), loss(**ports))


@every_loss
def test_names_agree(name):
    spec = ENTRIES[name].spec
    loss = spec.load()
    suffix = "Loss" if name in METRICS else ""  # a metric of that name is another class
    assert spec.target == f"zerokd.losses.{name}:{name.title().replace('_', '')}{suffix}"
    assert callable(getattr(inspect.getmodule(loss), name))
    assert loss.__final__


@every_loss
def test_the_docstring_says_what_it_rewards_and_when_it_is_exactly_least(name):
    text = inspect.getdoc(ENTRIES[name].spec.load())
    assert text.startswith("Rewards ")
    assert "exactly" in text[text.find("Returns:") : text.find("Scale:")]


@every_loss
def test_values_are_never_negative_but_in_a_game(name):
    assert build(name).bounds[0] >= 0.0 or name in GAME
