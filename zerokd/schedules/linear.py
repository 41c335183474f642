"""A straight line between two numbers."""

from __future__ import annotations

from typing import final

import numpy as np
from pydantic import Field

import zerokd
from zerokd import Clock, Duration, Schedule


@final
class Linear(Schedule):
    r"""Goes from one number to another on a straight line, and keeps either outside of it.

    Formula: $f + (t - f)\,p$, $p$ rising from 0 at ``start`` to 1 at ``end``.
    Source: common practice, as in the warm-up of Goyal et al., 2017.

    Example:
        >>> Linear(**{"from": 0.0, "to": 0.4, "end": "2 epochs"}).values(np.arange(5.0), Clock(5, 1))
        array([0. , 0.2, 0.4, 0.4, 0.4])
    """

    class Config(zerokd.Config):
        begin: float = Field(alias="from", description="the number up to the start", examples=[0.0])
        to: float = Field(description="the number from the end on", examples=[0.1])
        start: Duration = Field("0 steps", description='when it begins to change: "500 steps" or "20 epochs"')
        end: Duration | None = Field(None, description="when it stops changing; by default the stage's last step")

    def values(self, steps: np.ndarray, clock: Clock) -> np.ndarray:
        config = self.config
        return config.begin + (config.to - config.begin) * clock.progress(steps, config.start, config.end)
