"""Filters of auto_exposure's pyramid as expressions of GLSL: sums of texture reads, without loops."""

from __future__ import annotations

from itertools import product

TAPS = tuple((x, y, 0.25 / 2 ** (abs(x) + abs(y))) for y, x in product((-1, 0, 1), repeat=2))  # [1 2 1]/4 both ways


def downsample_expression(texture: str) -> str:
    """The kernel [1 3 3 1]/8 both ways."""
    weights = (0.125, 0.375, 0.375, 0.125)
    taps = product(range(4), repeat=2)
    return " + ".join(f"{weights[x] * weights[y]} * {texture}({x - 1}, {y - 1})" for y, x in taps)


def upsample_expression(texture: str, x: object, y: object) -> str:
    """Bilinear; x and y tell on which side the next pixels lie, -1 or 1."""
    edges, corner = f"({texture}({x}, 0) + {texture}(0, {y}))", f"{texture}({x}, {y})"
    return f"0.5625 * {texture}(0, 0) + 0.1875 * {edges} + 0.0625 * {corner}"


def declare_taps(statement: str, spacing: int = 1) -> str:
    """The statement for each tap of a blur: number k, at (x, y)."""
    return "\n".join(statement.format(k=k, x=spacing * x, y=spacing * y) for k, (x, y, _) in enumerate(TAPS))


def blur_expression(value: str, spacing: int = 1) -> str:
    """The weighted sum of the value of each tap: number k, at (x, y)."""
    taps = enumerate(TAPS)
    return " + ".join(f"{weight} * {value.format(k=k, x=spacing * x, y=spacing * y)}" for k, (x, y, weight) in taps)
