"""Steps by hand: down, up, for a lamp, in a fade, in the dark; cuts; and the limit on what a pixel moves."""

import math

import pytest
import torch

from zerokd.models.auto_exposure import AutoExposure
from zerokd.models.brightness_map import LOG_OFFSET, fit_brightness_map
from zerokd.models.exposure_over_time import MAX_CHANGE, follow_exposure, measure_steadiness
from zerokd.models.exposure_state import ExposureState

FRAME = 0.04  # seconds


def share(seconds, constant):
    return 1 - math.exp(-seconds / constant)


def flat(brightness=0.2, strength=5.0, median=0.0, noise=0.01, lift=0.5):
    """The state of an image of a single brightness."""
    maps = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    offset = maps + math.log(brightness + LOG_OFFSET)
    numbers = (torch.tensor([value], dtype=torch.float64) for value in (noise * 10, strength, lift, median))
    return ExposureState(torch.full((1, 4), noise, dtype=torch.float64), *numbers, maps, offset)


def textured(light=1.0, seed=0):
    """The state of a structured image: its map alone differs from ``flat``."""
    image = 0.02 + 0.2 * torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    value = torch.nn.functional.interpolate(image, (64, 64), mode="bilinear")
    slope, offset, _ = fit_brightness_map((light * value).clamp(0, 1))
    return flat()._replace(slope=slope, offset=offset)


def assert_equal(first, second):
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def log_change(state, followed):
    return math.log1p(followed.strength.item()) - math.log1p(state.strength.item())


def test_the_first_state_is_the_measured_one_and_black_has_no_strength():
    assert_equal(follow_exposure(None, None, flat(), 0.0), flat())
    black = follow_exposure(None, None, flat(0.0, strength=16.0), 0.0)
    assert (black.strength.item(), black.lift.item(), black.noise[0, 0].item()) == (0, 0, 0.01)
    assert follow_exposure(None, None, flat(1.1 / 255), 0.0).strength.item() == 5


@pytest.mark.parametrize("seconds", [0.0, FRAME, 60.0])
def test_what_does_not_change_stays(seconds):
    for state in (flat(), textured()):
        assert_equal(follow_exposure(state, state, state, seconds), state)


def test_down_as_far_as_the_median_zone_became_brighter():
    before = flat(strength=5.0, median=-1.0)
    near, far, lamp = (flat(strength=2.0, median=median) for median in (1.0, -0.9, -1.0))
    gap = math.log(3 / 6)
    assert log_change(before, follow_exposure(before, near, near, FRAME)) == pytest.approx(share(FRAME, 0.4) * gap)
    slow = share(FRAME, 15.0)
    expected = -share(FRAME, 0.4) * 0.1 + slow * (gap + 0.1)
    followed = follow_exposure(before, far, far, FRAME)
    assert log_change(before, followed) == pytest.approx(expected)
    assert followed.median.item() == pytest.approx(-1 + share(FRAME, 0.4) * 0.1)
    assert log_change(before, follow_exposure(before, lamp, lamp, FRAME)) == pytest.approx(slow * gap)


def test_a_flat_image_that_brightens_needs_all_of_its_median():
    """At one exposure e, 1 + s = e / (1 - e) (1 - v) / v."""
    first, second = 0.1, 0.3
    strengths = [0.54 / 0.46 * (1 - v) / v for v in (first, second)]
    medians = [math.log(v / (1 - v)) for v in (first, second)]
    assert math.log(strengths[1] / strengths[0]) == pytest.approx(medians[0] - medians[1])


def test_up_in_a_second_and_a_half_and_only_while_the_brightness_holds():
    before, measured = flat(strength=2.0), flat(strength=5.0)
    gap = math.log(6 / 3)
    assert log_change(before, follow_exposure(before, measured, measured, FRAME)) == pytest.approx(
        share(FRAME, 1.5) * gap
    )
    # brightness that changes by 0.25 a second in its logarithm leaves half
    brighter = measured._replace(offset=measured.offset + 0.25 * FRAME)
    for pair in ((measured, brighter), (brighter, measured)):
        assert measure_steadiness(*pair, FRAME).item() == pytest.approx(0.5)
        followed = follow_exposure(before, *pair, FRAME)
        assert log_change(before, followed) == pytest.approx(0.5 * share(FRAME, 1.5) * gap)
        assert followed.lift.item() == 0.5


def test_noise_lift_and_maps_have_their_own_time():
    before, measured = flat(), flat(noise=0.03, lift=1.0)._replace(slope=torch.full((1, 1, 64, 64), 0.5))
    measured = measured._replace(offset=flat().offset / 2)  # the same brightness
    followed = follow_exposure(before, measured, measured, FRAME)
    slow, quick = share(FRAME, 1.0), share(FRAME, 0.1)
    assert followed.noise.tolist() == [[pytest.approx(0.01 + 0.02 * slow)] * 4]
    assert followed.noisy.item() == pytest.approx(0.1 + 0.2 * slow)
    assert followed.lift.item() == pytest.approx(0.5 + 0.5 * slow)
    assert followed.slope[0, 0, 3, 5].item() == pytest.approx(0.5 * quick)
    assert followed.offset[0, 0, 3, 5].item() == pytest.approx(flat().offset[0, 0, 0, 0].item() * (1 - quick / 2))


def test_black_frames_move_nothing():
    before, black = flat(), flat(0.9 / 255, strength=16.0, noise=0.0, lift=0.0)
    assert measure_steadiness(before, black, FRAME).item() == 0
    followed = follow_exposure(before, black, black, FRAME)
    assert [followed.strength.item(), followed.lift.item(), followed.noise[0, 0].item()] == [5, 0.5, 0.01]


@pytest.mark.parametrize("seconds", [FRAME, 1.0, 100.0])
@pytest.mark.parametrize("strengths", [(60.0, 0.0), (0.0, 60.0), (5.0, 0.1)])
def test_the_strength_never_moves_by_more_than_the_limit(seconds, strengths):
    before, measured = flat(strength=strengths[0], median=-3.0), flat(strength=strengths[1], median=3.0)
    followed = follow_exposure(before, measured, measured, seconds)
    assert abs(log_change(before, followed)) <= MAX_CHANGE + 1e-9
    assert abs(followed.median.item() + 3) <= MAX_CHANGE + 1e-9


def test_no_pixel_moves_by_more_than_five_levels_for_it():
    model = AutoExposure(denoise=0.0, lift=0.0).eval()
    low = torch.linspace(0, 1, 64 * 64).view(1, 1, 64, 64).expand(-1, 3, -1, -1).contiguous()
    state = model.measure(low)
    for strength in (0.0, 0.3, 1.0, 5.0, 20.0):
        images = []
        for logs in (math.log1p(strength), math.log1p(strength) + MAX_CHANGE):
            moved = state._replace(strength=torch.tensor([math.expm1(logs)]))
            images.append(model.render(low, moved, (0, 0, 64, 64)))
        assert 0 < (images[1] - images[0]).abs().max().item() <= MAX_CHANGE / 4 + 1e-6


def test_another_scene_is_a_cut_and_another_light_is_none():
    state = flat(strength=2.0)
    for light in (1.0, 4.0, 0.3):
        followed = follow_exposure(state, textured(), textured(light), FRAME)
        assert followed.strength.item() != 5
    for light, seed in ((1.0, 1), (4.0, 2), (0.3, 3)):
        measured = textured(light, seed)
        assert_equal(follow_exposure(state, textured(), measured, FRAME), measured)


def test_flat_images_are_no_cut_and_a_flat_image_before_a_scene_is():
    state = flat(strength=2.0)
    assert follow_exposure(state, flat(0.1), flat(0.6), FRAME).strength.item() != 5
    assert follow_exposure(state, flat(0.9), textured(), FRAME).strength.item() == 5


def test_images_of_a_batch_follow_by_themselves():
    pairs = [(flat(strength=2.0), flat()), (flat(), flat(0.0)), (textured(), textured(seed=5))]
    batch = [
        ExposureState(*(torch.cat(parts) for parts in zip(*states, strict=True))) for states in zip(*pairs, strict=True)
    ]
    together = follow_exposure(batch[0], *batch, FRAME)
    for index, (before, measured) in enumerate(pairs):
        alone = follow_exposure(before, before, measured, FRAME)
        assert all(torch.equal(a[0], b[index]) for a, b in zip(alone, together, strict=True))
