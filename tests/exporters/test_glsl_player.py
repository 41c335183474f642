"""The user shader of auto_exposure: its passes give PyTorch's pixels, and a real player measures and draws the same."""

import re

import numpy as np
import pytest
import torch

from tests.exporters.libplacebo import libplacebo, mpv  # noqa: F401
from tests.exporters.test_c_auto_exposure import back_lit, expected, scene
from zerokd.exporters.glsl_player import generate_player_shader, is_player_shader, run_player_shader
from zerokd.models.auto_exposure import AutoExposure
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.load import load_trained_model

FRAME_RATE = 25.0


@pytest.fixture(scope="module")
def model():
    return load_trained_model("best", discover_plugins()).model


@pytest.fixture(scope="module")
def shader(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("glsl") / "student.glsl"
    path.write_text(generate_player_shader(model, 1.0, FRAME_RATE))
    return path


def test_the_passes_give_pytorchs_pixels(model):
    other = AutoExposure(exposure=0.4, lift=3.0, denoise=0.5).eval()
    other.load_state_dict(model.state_dict())
    image = back_lit(31, 46)
    for student, strength in ((model, 1.0), (model, 0.5), (other, 2.0)):
        text = generate_player_shader(student, strength, FRAME_RATE)
        enhanced = run_player_shader(text, image.transpose(2, 0, 1)).transpose(1, 2, 0)
        assert np.abs(enhanced - expected(student, image, strength)).max() <= 2e-6
    assert np.abs(enhanced - expected(model, image, 2.0)).max() > 0.01


def test_each_pass_binds_what_it_reads(model):
    text = generate_player_shader(model, 1.0, FRAME_RATE)
    assert is_player_shader(text)
    blocks = text.split("//!DESC ")[1:]
    assert len(blocks) == 4 + 9
    saved = set()
    for block in blocks:
        bound = set(re.findall(r"//!BIND (\w+)", block))
        assert set(re.findall(r"(\w+)_raw", block)) <= bound
        assert bound - {"HOOKED", "AUTO_EXPOSURE_STATE"} <= saved
        saved |= set(re.findall(r"//!SAVE (\w+)", block))
    assert "SAVE" not in blocks[-1]
    assert "$" not in text
    assert not is_player_shader("//!HOOK MAIN\n//!BIND HOOKED\n")


IMAGES = {
    "dark": lambda: scene(123, 85),
    "one row": lambda: scene(1, 70),
    "one pixel": lambda: scene(1, 1),
    "noisy": lambda: (scene(90, 140) + np.random.default_rng(0).integers(0, 12, (90, 140, 3))).astype(np.uint8),
    "back-lit": lambda: (255 * back_lit(120, 161)).astype(np.uint8),
    "grey": lambda: np.repeat(scene(64, 90)[..., 1:2], 3, axis=2),
    "large": lambda: scene(470, 600),
}


@pytest.mark.parametrize("name", IMAGES)
def test_a_player_draws_pytorchs_pixels(libplacebo, model, shader, name):  # noqa: F811
    """Its 16-bit floats take one level more than rounding."""
    image = IMAGES[name]()
    (drawn,) = libplacebo(image[None], shader)
    low = (image / np.float32(255)).astype(np.float32)
    differences = np.abs(drawn - 255 * expected(model, low).astype(np.float64))
    assert differences.max() <= 1.5
    assert differences.mean() <= 0.5


def test_a_player_leaves_bright_and_black_images_as_they_are(libplacebo, shader):  # noqa: F811
    bright = np.random.default_rng(0).integers(170, 256, (1, 50, 61, 3)).astype(np.uint8)
    assert np.array_equal(libplacebo(bright, shader), bright)
    black = np.zeros((1, 33, 47, 3), np.uint8)
    assert np.array_equal(libplacebo(black, shader), black)


def test_mpv_draws_pytorchs_pixels(mpv, model, shader, tmp_path):  # noqa: F811
    image = scene(300, 400)
    drawn = mpv(image, tmp_path, shader)
    differences = np.abs(drawn - 255 * expected(model, image / np.float32(255)).astype(np.float64))
    assert differences.max() <= 1.5


@torch.no_grad()
def test_exposure_follows_over_time(libplacebo, model, shader):  # noqa: F811
    """Light goes off and on, black, a cut, a lamp and a fade."""
    room, other, lit = scene(60, 90), scene(60, 90, 3), (255 * back_lit(60, 90)).astype(np.uint8)
    images = [room, room, *[room // 2] * 3, *[np.minimum(2 * room.astype(int), 255)] * 3, other, other, 0 * room, room]
    images += [np.minimum(room.astype(int) + 80, 255), lit, lit, np.full_like(room, 90), room]
    frames = np.stack(images).astype(np.uint8)
    state = before = None
    distances = []
    for image, drawn in zip(frames, libplacebo(frames, shader), strict=True):
        low = torch.from_numpy(image.transpose(2, 0, 1)[None].copy()).float() / 255
        measured = model.measure(low)
        state, before = model.follow(state, before, measured, 1 / FRAME_RATE), measured
        followed, alone = (255 * model.render(low, part, (0, 0, 60, 90))[0] for part in (state, measured))
        assert np.abs(drawn - followed.permute(1, 2, 0).double().numpy()).max() <= 1.5
        distances.append(float((followed - alone).abs().max()))
    assert max(distances) > 50  # a state of its own for each frame would show
