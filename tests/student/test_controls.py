"""Controls change a number of the config, and nothing else; the model then does what the number says."""

import json
import struct

import numpy as np
import pytest
import torch

import zerokd
from zerokd.errors import WeightsError
from zerokd.files.weights import read_weights
from zerokd.student.controls import apply_controls
from zerokd.student.load import load_model
from zerokd.student.location import resolve_student_file

BEST = resolve_student_file("best")


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path / "cache"))


def dark_scene(noise=0.0):
    generator = np.random.default_rng(0)
    ramp = np.linspace(10, 60, 96, dtype=np.float64)[None, :, None] * np.ones((64, 1, 3))
    return (ramp + generator.normal(0, noise, ramp.shape)).clip(0, 255).round().astype(np.uint8)


def test_only_the_config_changes():
    changed = apply_controls(BEST, {"exposure": 0.4, "denoise": None})
    before, after = read_weights(BEST), read_weights(changed)
    assert before[0].keys() == after[0].keys()
    assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])
    config = before[1]["architecture"]["config"]
    assert after[1]["architecture"]["config"] == config | {"exposure": 0.4}
    assert load_model(changed).config.exposure == 0.4


def test_without_a_control_the_file_stays():
    assert apply_controls(BEST, {"exposure": None}) == BEST


def test_a_stored_file_that_was_changed_is_written_anew():
    path = apply_controls(BEST, {"denoise": 0.5})
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\x00")
    assert apply_controls(BEST, {"denoise": 0.5}).read_bytes() == content


def test_without_a_cache_it_works_as_well(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path / "file"))
    assert load_model(apply_controls(BEST, {"denoise": 0.5})).config.denoise == 0.5


@pytest.mark.parametrize(("exposure", "mean"), [(0.3, 0.3), (0.54, 0.54), (0.7, 0.7)])
def test_exposure_is_the_mean_that_is_reached(exposure, mean):
    enhanced = zerokd.load(exposure=exposure, engine="torch")(dark_scene())
    assert enhanced.max(axis=2).mean() / 255 == pytest.approx(mean, abs=0.03)


def test_denoise_is_the_share_of_smoothing():
    noisy = dark_scene(noise=4.0)
    roughness = [
        float(np.abs(np.diff(zerokd.load(denoise=share, engine="torch")(noisy).astype(float), axis=0)).mean())
        for share in (0, 0.5, 1)
    ]
    assert roughness[0] > 1.2 * roughness[1] > 1.4 * roughness[2]


def test_both_engines_obey():
    by_c, by_torch = (
        zerokd.load(exposure=0.4, denoise=0.3, engine=engine)(dark_scene(noise=2.0)) for engine in ("auto", "torch")
    )
    assert np.abs(by_c.astype(int) - by_torch).max() <= 1


@pytest.mark.parametrize(
    "controls", [{"exposure": 0.0}, {"exposure": 1.0}, {"denoise": -0.1}, {"denoise": float("nan")}]
)
def test_a_number_out_of_range_is_refused(controls):
    with pytest.raises(ValueError, match="exposure is"):
        zerokd.load(**controls)


def test_a_student_without_the_control_says_what_it_has():
    with pytest.raises(WeightsError, match="has no control 'exposure'") as caught:
        zerokd.load("fidelity", exposure=0.5)
    assert caught.value.problems[0].hints == (
        "its controls: none but strength; the student `best` has exposure and denoise",
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"12345678", struct.pack("<Q", 2) + b"{}", struct.pack("<Q", 999) + b"{}", json.dumps([1]).encode()],
)
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="is not a student's file"):
        apply_controls(path, {"exposure": 0.5})
    with pytest.raises(WeightsError, match="is not a student's file"):
        apply_controls(tmp_path / "none", {"exposure": 0.5})
