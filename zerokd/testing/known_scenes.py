"""What losses and metrics promise of known scenes: where they are at their best, and what makes them worse."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from zerokd.testing.check import CheckError, Subject, require, rule
from zerokd.testing.inputs import input_side, noise, scale_to_port_range
from zerokd.testing.losses_and_metrics import compute_values, require_close
from zerokd.testing.scenes import CORRUPTIONS, SCENES, STRENGTHS


def make_scene(measure: Any, scene_name: str | float) -> dict[str, Tensor]:
    """A scene in all ports, float64, in [0, 1] where it is a word."""
    if isinstance(scene_name, str) and scene_name not in SCENES:
        raise CheckError(f"best_on says {scene_name!r}, which is no scene: {', '.join(SCENES)}, or a number")
    pictures = {}
    for name, port in measure.ports.items():
        picture = noise((4, port.channels or 3, input_side(measure), input_side(measure)))
        pictures[name] = (
            torch.full_like(picture, scene_name) if not isinstance(scene_name, str) else SCENES[scene_name](picture)
        )
    return pictures


def compute_scene_values(measure: Any, images: Mapping[str, Tensor], scene_name: str | float) -> Tensor:
    """The value on pictures in [0, 1], or on a flat level as it is."""
    moved = (
        images
        if not isinstance(scene_name, str)
        else {n: scale_to_port_range(p, measure.ports[n]) for n, p in images.items()}
    )
    return compute_values(measure, moved)


def best_possible_value(measure: Any) -> float:
    """The best value that the bounds allow."""
    return float(measure.bounds[1] if getattr(measure, "better", "lower") == "higher" else measure.bounds[0])


@rule(lambda subject: bool(subject.component.best_on))
def best_value(subject: Subject) -> None:
    """the best of the bounds is reached on the scenes of best_on"""
    measure = subject.build().double()
    for word in measure.best_on:
        found = compute_scene_values(measure, make_scene(measure, word), word)
        require_close(
            found, torch.full_like(found, best_possible_value(measure)), f"not the best value on {word!r}", 1e-6
        )


@rule(lambda subject: bool(subject.component.worsens_with))
def worsening(subject: Subject) -> None:
    """every corruption of worsens_with makes the value worse the stronger it is, and never better"""
    measure = subject.build().double()
    sign = -1.0 if getattr(measure, "better", "lower") == "higher" else 1.0
    require(measure.best_on, "worsens_with needs a scene to start from: declare best_on")
    changed = [name for name, port in measure.ports.items() if getattr(port, "grad", False)] or [*measure.ports][:1]
    start = measure.best_on[0]
    for word in measure.worsens_with:
        require(word in CORRUPTIONS, f"worsens_with says {word!r}, which is none of: {', '.join(CORRUPTIONS)}")
        levels = []
        for strength in STRENGTHS:
            pictures = make_scene(measure, start)
            pictures |= {name: CORRUPTIONS[word](pictures[name], strength) for name in changed}
            levels.append(float(sign * compute_scene_values(measure, pictures, start).mean()))
        rising = all(one <= other for one, other in pairwise(levels)) and levels[0] < levels[-1]
        told = ", ".join(f"{sign * level:.4g}" for level in levels)
        require(rising, f"growing {word} of the scene {start!r} gives {told}")


RULES = (best_value, worsening)
