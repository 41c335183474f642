"""Half a cosine between two numbers."""

from __future__ import annotations

from typing import final

import numpy as np

from zerokd import Clock, Schedule
from zerokd.schedules.linear import Linear


@final
class Cosine(Schedule):
    r"""Goes from one number to another along half a cosine: slow at both ends, fastest in the middle.

    Formula: $f + (t - f)\,(1 - \cos \pi p)/2$, $p$ rising from 0 at ``start`` to 1 at ``end``.
    Source: Loshchilov and Hutter, SGDR, ICLR 2017, without restarts.

    Example:
        >>> Cosine(**{"from": 1.0, "to": 0.0}).values(np.arange(3.0), Clock(3, 3)).round(6)
        array([1. , 0.5, 0. ])
    """

    Config = Linear.Config

    def values(self, steps: np.ndarray, clock: Clock) -> np.ndarray:
        config = self.config
        share = (1 - np.cos(np.pi * clock.progress(steps, config.start, config.end))) / 2
        return config.begin + (config.to - config.begin) * share
