"""The scenes against the statistics they are made for."""

import numpy as np
import pytest

from zerokd.data.leaf_scene import (
    KEY_LUMINANCE,
    LUMINANCE_WEIGHTS,
    MAX_LEAF_RADIUS,
    render_leaf_scene,
    sample_leaf_radii,
)

SCENES = 12
SIZE = 128


def slopes(scenes: list[np.ndarray]) -> list[float]:
    """Exponents of the radially averaged power spectrum of log-luminance, below and above 8 cycles per picture."""
    window = np.outer(np.hanning(SIZE), np.hanning(SIZE))
    radius = np.rint(SIZE * np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.fftfreq(SIZE))).astype(int)
    logs = [np.log(scene @ LUMINANCE_WEIGHTS + 0.01) for scene in scenes]
    powers = [np.abs(np.fft.fft2((log - log.mean()) * window)) ** 2 for log in logs]
    bands = np.arange(2, 9), np.arange(8, 41)
    return [
        float(
            np.median([np.polyfit(np.log(band), [np.log(p[radius == k].mean()) for k in band], 1)[0] for p in powers])
        )
        for band in bands
    ]


def natural(scenes: list[np.ndarray]) -> bool:
    """Whether the spectrum falls alike at coarse and fine scales; photos measured this way: -2.5 and -2.5."""
    coarse, fine = slopes(scenes)
    return -2.7 < coarse < -1.5 and -2.95 < fine < -2.1


def disks(radius: float) -> list[np.ndarray]:
    """Flat disks of a single radius, in pixels, three deep."""
    y, x = np.mgrid[:SIZE, :SIZE]
    scenes = []
    for rng in map(np.random.default_rng, range(SCENES)):
        scene = np.full((SIZE, SIZE, 3), 0.3)
        for _ in range(round(3 * SIZE**2 / (np.pi * radius**2))):
            row, column = SIZE * rng.random(2)
            cover = np.clip(radius - np.hypot(y - row, x - column) + 0.5, 0, 1)[..., None]
            scene += cover * (0.2 * np.exp(0.6 * rng.standard_normal()) - scene)
        scenes.append(scene)
    return scenes


@pytest.fixture(scope="module")
def scenes() -> list[np.ndarray]:
    return [render_leaf_scene(np.random.default_rng((1, i)), SIZE) for i in range(SCENES)]


def test_spectrum_falls_as_in_natural_pictures_at_every_scale(scenes):
    assert natural(scenes)


@pytest.mark.parametrize("radius", [8, 14, 40])
def test_disks_of_one_size_would_not_pass(radius):
    assert not natural(disks(radius))


def test_noise_and_smooth_shading_would_not_pass():
    noise = np.random.default_rng(0).random((SIZE, SIZE, 3))
    assert not natural([noise])
    assert not natural([0.5 + 0.4 * np.sin(0.05 * np.arange(SIZE)[:, None, None]) * np.ones((SIZE, SIZE, 3))])


def test_light_is_finite_and_positive_with_the_key_as_log_average(scenes):
    for scene in scenes:
        assert scene.shape == (SIZE, SIZE, 3)
        assert scene.dtype == np.float32
        assert np.isfinite(scene).all()
        assert scene.min() > 0
        assert np.exp(np.log(scene @ LUMINANCE_WEIGHTS).mean()) == pytest.approx(KEY_LUMINANCE, rel=0.01)


def test_scenes_have_smooth_parts_and_edges(scenes):
    steps = [np.abs(np.diff(np.log(scene @ LUMINANCE_WEIGHTS), axis=1)) for scene in scenes]
    # photos, median: 0.25 of all neighbours differ by more than 0.3, 0.38 by less than 0.05
    assert 0.15 < np.median([(step > 0.3).mean() for step in steps]) < 0.35
    assert 0.25 < np.median([(step < 0.05).mean() for step in steps]) < 0.5


def test_palette_is_plausible(scenes):
    means = np.array([scene.mean((0, 1)) / scene.mean() for scene in scenes])
    assert np.abs(means.mean(0) - 1).max() < 0.25  # no colour cast over all scenes
    spread = np.mean([(scene.max(2) - scene.min(2)).mean() / scene.mean() for scene in scenes])
    assert 0.1 < spread < 0.8  # neither grey nor garish


def test_radii_have_a_density_of_minus_three_and_the_asked_cover():
    radii = sample_leaf_radii(np.random.default_rng(0), 0.01, 200.0)
    assert radii.min() >= 0.01
    assert radii.max() <= MAX_LEAF_RADIUS
    assert (np.pi * radii**2).sum() == pytest.approx(200.0, rel=0.1)
    assert (radii < 0.02).mean() == pytest.approx((1 - 0.25) / (1 - 0.02**2), abs=0.01)  # by integrating r^-3


@pytest.mark.parametrize("size", [16, 33])
def test_any_size_works(size):
    assert render_leaf_scene(np.random.default_rng(0), size).shape == (size, size, 3)
