"""How many images a run holds out from training."""

from __future__ import annotations


def count_held_out(images: int, share: float) -> int:
    """The share of the images, rounded, but at least one image trains."""
    return min(round(images * share), images - 1)
