"""The state of a student that measures whole images, over the frames of a video."""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

import numpy as np
from attrs import frozen

from zerokd.student.enhance.tiles import BandFunction, TiledNetwork

MAX_WAIT = 4.0  # seconds of frames that wait for a steady one
STEADY, STEADY_SECONDS = 0.5, 0.2  # steadiness from which a frame is steady; for so long before waiting ends


class StateFunctions(Protocol):
    """What an engine computes of a student whose state follows over time. States are opaque."""

    def measure(self, image: np.ndarray) -> Any:
        """The state of pixels (H, W, 3 or 4)."""

    def apply(self, image: np.ndarray, state: Any, strength: float) -> BandFunction:
        """The function that computes bands of such pixels with a state."""

    def follow(self, state: Any, before: Any, measured: Any, seconds: float) -> Any:
        """As ``zerokd.Model.follow``."""

    def steadiness(self, before: Any, measured: Any, seconds: float) -> float:
        """As ``zerokd.Model.steadiness``."""


@frozen(eq=False)
class NetworkStates:
    """The states of a PyTorch model that has ``follow``."""

    model: Any
    network: TiledNetwork

    def measure(self, image: np.ndarray) -> Any:
        return self.network.measure_pixels(image)

    def apply(self, image: np.ndarray, state: Any, strength: float) -> BandFunction:
        return self.network.apply_state(image, state, strength)

    def follow(self, state: Any, before: Any, measured: Any, seconds: float) -> Any:
        return self.model.follow(state, before, measured, seconds)

    def steadiness(self, before: Any, measured: Any, seconds: float) -> float:
        return float(self.model.steadiness(before, measured, seconds))


@frozen(eq=False)
class _Frame:
    time: float
    measured: Any
    is_black: bool


class StateFollower:
    """Turns the measured states of a video's frames into the states they are rendered with.

    A frame gets the state that follows from the frame before. But black frames do not tell how bright the scene after
    them will be: the first frames after them, and of a video, wait until the light is steady, for ``MAX_WAIT`` at most.
    Their states then follow backwards from there, so that a fade from black is a fade to black in reverse.
    """

    def __init__(self, functions: StateFunctions, max_waiting_frames: int):
        self._functions, self._max_waiting_frames = functions, max(1, max_waiting_frames)
        self._waiting: deque[_Frame] = deque()
        self._last: _Frame | None = None
        self._state: Any = None
        self._steady_since: float | None = None

    def push(self, time: float, measured: Any) -> list[Any]:
        """Add a frame, shown at ``time`` in seconds: the states of the oldest frames that have none yet, in order."""
        last = self._waiting[-1] if self._waiting else self._last
        before, seconds = (last.measured, _seconds_between(last, time)) if last is not None else (measured, 0.0)
        steadiness = self._functions.steadiness(before, measured, seconds)
        frame = _Frame(time, measured, is_black=steadiness == 0)
        if frame.is_black:
            return [*self.finish(), self._follow(frame)]
        if not self._waiting and last is not None and not last.is_black:
            return [self._follow(frame)]
        self._waiting.append(frame)
        if steadiness < STEADY:
            self._steady_since = None
        elif self._steady_since is None:
            self._steady_since = time
        return self.finish() if self._is_decided() else []

    def finish(self) -> list[Any]:
        """The states of all frames that wait."""
        states: list[Any] = []
        frames, self._waiting, self._steady_since = [*self._waiting], deque(), None
        state = measured = None
        for index, frame in reversed([*enumerate(frames)]):
            seconds = _seconds_between(frame, frames[index + 1].time) if states else 0.0
            state = self._functions.follow(state, measured, frame.measured, seconds)
            measured = frame.measured
            states.append(state)
        if frames:
            self._last, self._state = frames[-1], states[0]
        return states[::-1]

    def _is_decided(self) -> bool:
        first, last = self._waiting[0].time, self._waiting[-1].time
        is_steady = self._steady_since is not None and last - self._steady_since >= STEADY_SECONDS
        return is_steady or last - first >= MAX_WAIT or len(self._waiting) >= self._max_waiting_frames

    def _follow(self, frame: _Frame) -> Any:
        last, self._last = self._last, frame
        before, seconds = (last.measured, _seconds_between(last, frame.time)) if last is not None else (None, 0.0)
        self._state = self._functions.follow(self._state, before, frame.measured, seconds)
        return self._state


def _seconds_between(frame: _Frame, time: float) -> float:
    """From a frame to a time; 0 where a damaged video goes back."""
    return max(0.0, time - frame.time)
