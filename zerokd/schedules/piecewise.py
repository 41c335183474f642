"""A sequence of numbers, each from its moment on."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, final

import numpy as np
from pydantic import Field, model_validator

import zerokd
from zerokd import Clock, Duration, Schedule


@final
class Piecewise(Schedule):
    """Takes each number from its moment on; before the first moment, the first number.

    With ``between = "lines"`` the numbers are the corners of a broken line.
    Source: common practice.

    Example:
        >>> Piecewise(at=("0 steps", "2 steps"), values=(0.1, 0.5)).values(np.arange(4.0), Clock(4, 4))
        array([0.1, 0.1, 0.5, 0.5])
        >>> Piecewise(at=("0 steps", "2 steps"), values=(0.1, 0.5), between="lines").values(np.arange(4.0), Clock(4, 4))
        array([0.1, 0.3, 0.5, 0.5])
    """

    class Config(zerokd.Config):
        at: tuple[Duration, ...] = Field(
            min_length=1, description='rising moments: "500 steps" or "20 epochs"', examples=[("0 steps", "20 epochs")]
        )
        values: tuple[float, ...] = Field(
            min_length=1, description="the number from each moment on", examples=[(0.0, 0.1)]
        )
        between: Literal["steps", "lines"] = Field("steps", description="hold each number, or interpolate linearly")

        @model_validator(mode="after")
        def _require_equal_lengths(self) -> Piecewise.Config:
            if len(self.at) != len(self.values):
                raise ValueError(f"at has {len(self.at)} moments and values has {len(self.values)} numbers")
            return self

    def values(self, steps: np.ndarray, clock: Clock) -> np.ndarray:
        moments, values = [clock.to_steps(moment) for moment in self.config.at], np.array(self.config.values)
        if any(later <= earlier for earlier, later in pairwise(moments)):
            raise ValueError(f"its moments do not rise: steps {', '.join(map(str, moments))}")
        if self.config.between == "lines":
            return np.interp(steps, moments, values)
        return values[np.clip(np.searchsorted(moments, steps, side="right") - 1, 0, None)]
