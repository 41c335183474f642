"""Reinhard's tone curve, and how its strength falls with brightness."""

from __future__ import annotations

from torch import Tensor

HALF_STRENGTH_BRIGHTNESS = 0.8  # where the strength falls to half


def reinhard_curve(x: Tensor, strength: Tensor) -> Tensor:
    """The tone curve x (1 + s)/(1 + s x), with white at 1: its slope is 1 + s at black, and it is x at s = 0.

    Source: Reinhard, Stark, Shirley, Ferwerda: Photographic Tone Reproduction for Digital Images, SIGGRAPH 2002.

    Args:
        x: any shape, in [0, 1].
        strength: 0 or more; it broadcasts.
    """
    return x * (1 + strength) / (1 + strength * x)


def strength_falloff(brightness: Tensor) -> Tensor:
    """The divisor of the strength at a brightness in [0, 1]: 1 at black, 2 at 0.8."""
    square = (brightness / HALF_STRENGTH_BRIGHTNESS).square()
    return 1 + square.square()


def ramp(value: Tensor, first: float, last: float) -> Tensor:
    """0 up to ``first``, 1 from ``last`` on, linear in between; ``last`` may be the smaller one."""
    return ((value - first) / (last - first)).clamp(0, 1)
