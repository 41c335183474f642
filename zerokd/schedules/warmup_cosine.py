"""A warm-up along a straight line, then half a cosine."""

from __future__ import annotations

from typing import final

import numpy as np
from pydantic import Field

import zerokd
from zerokd import Clock, Duration, Schedule


@final
class WarmupCosine(Schedule):
    r"""Rises on a straight line to a peak, then falls along half a cosine until the stage's last step.

    Formula: $f + (m - f)\,s/w$ up to step $w$, the end of the ``warmup``; then $t + (m - t)\,(1 + \cos \pi p)/2$, $p$
    rising from 0 at step $w$ to 1 at the last one; $m$ is the ``peak``.
    Source: Goyal et al., Accurate, Large Minibatch SGD, 2017 (warm-up);
    Loshchilov and Hutter, SGDR, ICLR 2017 (cosine).

    Example:
        >>> WarmupCosine(peak=1.0, warmup="2 steps").values(np.arange(7.0), Clock(7, 7)).round(6)
        array([0.      , 0.5     , 1.      , 0.853553, 0.5     , 0.146447,
               0.      ])
    """

    class Config(zerokd.Config):
        peak: float = Field(description="the number at the end of the warm-up", examples=[0.1])
        warmup: Duration = Field(description='how long it rises: "500 steps" or "2 epochs"', examples=["1 epoch"])
        begin: float = Field(0.0, alias="from", description="the number at the first step")
        to: float = Field(0.0, description="the number at the last step")

    def values(self, steps: np.ndarray, clock: Clock) -> np.ndarray:
        config, warmup, last = self.config, clock.to_steps(self.config.warmup), clock.steps - 1
        rise = config.begin + (config.peak - config.begin) * steps / max(warmup, 1)
        share = np.clip((steps - warmup) / max(last - warmup, 1), 0.0, 1.0)
        fall = config.to + (config.peak - config.to) * (1 + np.cos(np.pi * share)) / 2
        return np.where(steps < warmup, rise, fall)
