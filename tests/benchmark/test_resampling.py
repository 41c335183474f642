"""Intervals against formulas that are known, and against the bootstrap written as a loop."""

import numpy as np
import pytest

from zerokd.benchmark.resampling import Interval, Resampling, estimate_interval

RANDOM = np.random.default_rng(7)


def test_an_interval_of_many_photos_is_that_of_the_normal_distribution():
    scores = RANDOM.normal(20, 3, (1, 400))
    interval = estimate_interval(scores.mean(), Resampling(400).resample_means(scores, 0))
    expected = 1.96 * scores.std() / np.sqrt(400)
    assert interval.half_width == pytest.approx(expected, rel=0.05)
    assert (interval.low + interval.high) / 2 == pytest.approx(scores.mean(), abs=0.03)


def test_resamples_are_means_of_drawn_photos_and_seeds():
    scores = RANDOM.normal(size=(2, 5))
    center = scores.mean(0)
    widened = center + (scores - center) * np.sqrt(2)
    possible = {
        round(float(np.mean([[widened[s, p] for p in photos] for s in seeds])), 9)
        for photos in np.ndindex(5, 5, 5, 5, 5)
        for seeds in np.ndindex(2, 2)
    }
    assert {round(float(mean), 9) for mean in Resampling(5, 200).resample_means(scores, 3)} <= possible


def test_the_variance_of_seeds_is_not_understated():
    """Photos that are all alike leave the variance of the mean of 3 seeds: s^2 / 3."""
    scores = np.array([[1.0], [2.0], [4.0]]).repeat(6, axis=1)
    means = Resampling(6, 20_000).resample_means(scores, 0)
    assert means.var() == pytest.approx(np.var([1.0, 2.0, 4.0], ddof=1) / 3, rel=0.03)


def test_differences_are_paired():
    hard_and_easy = np.array([[5.0, 30.0, 12.0, 22.0, 9.0, 17.0]])
    resampling = Resampling(6)
    first, second = (
        resampling.resample_means(scores, n) for n, scores in enumerate((hard_and_easy + 0.1, hard_and_easy))
    )
    difference = estimate_interval(0.1, first - second)
    assert (difference.low, difference.high) == pytest.approx((0.1, 0.1))
    assert not difference.includes_zero
    assert estimate_interval(14, second).half_width > 3


def test_the_same_call_gives_the_same_numbers():
    scores = RANDOM.normal(size=(3, 8))
    assert (Resampling(8).resample_means(scores, 1) == Resampling(8).resample_means(scores, 1)).all()
    assert (Resampling(8).resample_means(scores, 1) != Resampling(8).resample_means(scores, 2)).any()


def test_zero_at_the_border_may_be_noise():
    assert Interval(0.1, 0.0, 0.2).includes_zero
    assert not Interval(-0.1, -0.2, -0.01).includes_zero
