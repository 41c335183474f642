"""Bootstrap intervals of means over photos and seeds, and of the differences between methods."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

RESAMPLES = 4000
CONFIDENCE = 0.95
Numbers = NDArray[np.float64]


@frozen
class Interval:
    """A mean, or a difference of means, with the bounds of its bootstrap interval."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    @property
    def includes_zero(self) -> bool:
        """Whether a difference of this size may be noise."""
        return self.low <= 0 <= self.high


class Resampling:
    """Resamples of photos, the same for every method, so that methods are compared photo by photo.

    The percentile bootstrap in two levels: photos are drawn with replacement, and so are the seeds of each method.
    Source: Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8 (hierarchical data).

    Args:
        photos: how many there are, at least 1.
        seed: of the draws.
    """

    def __init__(self, photos: int, resamples: int = RESAMPLES, seed: int = 0):
        self._seed, self._resamples = seed, resamples
        draws = np.random.default_rng(seed).multinomial(photos, np.full(photos, 1 / photos), resamples)
        self._photo_weights: Numbers = draws / photos

    def resample_means(self, scores: Numbers, stream: int) -> Numbers:
        """(R,): the mean of scores (seeds, photos) in each resample.

        With S seeds their deviations from the mean are multiplied by sqrt(S / (S - 1)), without which S draws of S
        seeds understate the variance. One seed tells nothing about the variance of training.

        Args:
            stream: a number of the method's own; methods draw their seeds independently.
        """
        count = len(scores)
        if count > 1:
            center = scores.mean(0)
            scores = center + (scores - center) * np.sqrt(count / (count - 1))
        random = np.random.default_rng((self._seed, stream))
        seed_weights = random.multinomial(count, np.full(count, 1 / count), self._resamples) / count
        means: Numbers = np.einsum("rs,rs->r", seed_weights, self._photo_weights @ scores.T)
        return means


def estimate_interval(value: float, resampled: Numbers) -> Interval:
    """The 95 % percentile interval of a ``value`` whose resamples are ``resampled`` (R,)."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, (tail, 1 - tail))
    return Interval(value, float(low), float(high))
