"""What enhances the frames of a video: an engine alone, or with states that follow over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import frozen

from zerokd.student.enhance.engines import Engine
from zerokd.student.enhance.states import StateFollower, StateFunctions

MAX_WAITING_PIXELS = 2**27  # of all frames that wait: 64 of 1920x1080


@frozen(eq=False)
class StatefulEnhancer:
    """Enhances the frames of one video with states that follow over time.

    Attributes:
        render: maps pixels (H, W, 3 or 4) and their state to enhanced pixels.
    """

    functions: StateFunctions
    render: Callable[[np.ndarray, Any], np.ndarray]

    def create_follower(self, pixels: int) -> StateFollower:
        """A follower for a video whose frames have so many pixels."""
        return StateFollower(self.functions, MAX_WAITING_PIXELS // pixels)


def create_frame_enhancer(
    engine: Engine, strength: float, threads: int, frame_by_frame: bool
) -> Callable[[np.ndarray], np.ndarray] | StatefulEnhancer:
    """What enhances the frames of videos: with states, if the student has them and not ``frame_by_frame``."""
    states = engine.states
    if states is None or frame_by_frame:
        return lambda pixels: engine.compute_image(pixels, engine.prepare_image(pixels, strength), threads)

    def render(pixels: np.ndarray, state: Any) -> np.ndarray:
        return engine.compute_image(pixels, states.apply(pixels, state, strength), threads)

    return StatefulEnhancer(states, render)
