"""One cycle: up to a peak, then down to nearly nothing."""

from __future__ import annotations

from typing import final

import numpy as np
from pydantic import Field

import zerokd
from zerokd import Clock, Schedule


@final
class OneCycle(Schedule):
    r"""Rises along half a cosine to a peak, then falls along another to a small share of it.

    Formula: $a + (b - a)\,(1 - \cos \pi p)/2$, first from $a = s\,m$ to $b = m$ while $p$ rises from 0 at the first
    step to 1 at step $r n - 1$, then from $a = m$ to $b = e\,m$ until the last step $n - 1$; $m$ is the ``peak``, $s$,
    $r$ and $e$ are ``start_share``, ``rise`` and ``end_share``.
    Source: Smith and Topin, Super-Convergence, 2018, with the cosines and the defaults of PyTorch's ``OneCycleLR``.
    *Differs*: momentum does not follow the cycle.

    Example:
        >>> OneCycle(peak=1.0, rise=0.5, start_share=0.2, end_share=0.0).values(np.arange(6.0), Clock(6, 6)).round(6)
        array([0.2 , 0.6 , 1.  , 0.75, 0.25, 0.  ])
    """

    class Config(zerokd.Config):
        peak: float = Field(description="the greatest number", examples=[0.1])
        rise: float = Field(0.3, gt=0.0, lt=1.0, description="share of the stage's steps up to the peak")
        start_share: float = Field(0.04, ge=0.0, le=1.0, description="share of the peak at the first step")
        end_share: float = Field(4e-6, ge=0.0, le=1.0, description="share of the peak at the last step")

    def values(self, steps: np.ndarray, clock: Clock) -> np.ndarray:
        config, last = self.config, max(clock.steps - 1.0, 0.0)
        top = max(config.rise * clock.steps - 1, 0.0)
        start, end = config.start_share * config.peak, config.end_share * config.peak
        up = np.clip(steps / max(top, 1e-9), 0.0, 1.0)
        down = np.clip((steps - top) / max(last - top, 1e-9), 0.0, 1.0)
        rising = start + (config.peak - start) * (1 - np.cos(np.pi * up)) / 2
        falling = config.peak + (end - config.peak) * (1 - np.cos(np.pi * down)) / 2
        return np.where(steps <= top, rising, falling) if top > 0 else falling
