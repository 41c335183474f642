"""The passes give PyTorch's pixels, and read only what was written before."""

import numpy as np
import pytest
import torch

from tests.exporters.test_c_auto_exposure import back_lit, expected, scene
from zerokd.exporters.glsl_auto_exposure import build_auto_exposure_passes
from zerokd.exporters.glsl_interpreter import run_passes
from zerokd.models.auto_exposure import AutoExposure
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.load import load_trained_model


@pytest.fixture(scope="module")
def model():
    return load_trained_model("best", discover_plugins()).model


def run_shaders(model, image, strength=1.0):
    low = torch.from_numpy(image.transpose(2, 0, 1)[None].copy())
    state = model.measure(low)
    values = {"noise": state.noise[0].numpy(), "noisy": state.noisy.item(), "lift": state.lift.item()}
    values |= {"curve": state.strength.item(), "strength": strength, "denoise": model.config.denoise}
    tables = {"zones": torch.cat([state.slope, state.offset], 1)[0].numpy()}
    enhanced = run_passes(build_auto_exposure_passes(model), low[0].numpy(), "low", values, tables)
    return enhanced.transpose(1, 2, 0)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (17, 5), (40, 64), (63, 130)])
@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_pixels_are_pytorchs(model, size, strength):
    for image in (scene(*size).astype(np.float32) / 255, back_lit(*size)):
        assert np.abs(run_shaders(model, image, strength) - expected(model, image, strength)).max() <= 2e-6


def test_settings_reach_the_passes(model):
    other = AutoExposure(exposure=0.4, lift=3.0, denoise=0.5, hidden=8).eval()
    other.load_state_dict(model.state_dict())
    image = back_lit(60, 90)
    assert np.abs(run_shaders(other, image) - expected(other, image)).max() <= 2e-6
    assert np.abs(run_shaders(other, image) - expected(model, image)).max() > 0.01


@pytest.mark.parametrize("size", [(50, 61), (8, 8)])
def test_a_bright_image_is_copied_to_the_bit(model, size):
    image = np.random.default_rng(0).uniform(0.67, 1, (*size, 3)).astype(np.float32)
    assert np.array_equal(run_shaders(model, image), image)


def test_eight_of_nine_passes_have_half_the_size(model):
    passes, known = build_auto_exposure_passes(model), {"low", "zones"}
    for shader_pass in passes:
        assert set(shader_pass.input_textures) <= known
        known.add(shader_pass.output_texture)
    assert [shader_pass.divisor for shader_pass in passes] == [2] * 8 + [1]
