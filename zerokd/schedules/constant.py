"""One number throughout."""

from __future__ import annotations

from typing import final

import numpy as np
from pydantic import Field

import zerokd
from zerokd import Clock, Schedule


@final
class Constant(Schedule):
    """Holds one number; in a recipe, the number alone is the short form.

    Source: none needed.

    Example:
        >>> Constant(value=0.3).values(np.arange(3.0), Clock(3, 3))
        array([0.3, 0.3, 0.3])
    """

    class Config(zerokd.Config):
        value: float = Field(description="the number")

    def values(self, steps: np.ndarray, clock: Clock) -> np.ndarray:
        return np.full_like(steps, self.config.value)
