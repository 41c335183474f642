"""What losses and metrics promise of known scenes: where they are at their best, and what makes them worse."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from zerokd.testing.check import CheckError, Subject, require, rule
from zerokd.testing.inputs import noise, placed, side
from zerokd.testing.measures import same, value
from zerokd.testing.scenes import CORRUPTIONS, SCENES, STRENGTHS


def scene(measure: Any, word: str | float) -> dict[str, Tensor]:
    """A scene in all ports, float64, in [0, 1] where it is a word."""
    if isinstance(word, str) and word not in SCENES:
        raise CheckError(f"best_on says {word!r}, which is no scene: {', '.join(SCENES)}, or a number")
    pictures = {}
    for name, port in measure.ports.items():
        picture = noise((4, port.channels or 3, side(measure), side(measure)))
        pictures[name] = torch.full_like(picture, word) if not isinstance(word, str) else SCENES[word](picture)
    return pictures


def shown(measure: Any, pictures: Mapping[str, Tensor], word: str | float) -> Tensor:
    """The value on pictures in [0, 1], or on a flat level as it is."""
    moved = pictures if not isinstance(word, str) else {n: placed(p, measure.ports[n]) for n, p in pictures.items()}
    return value(measure, moved)


def best(measure: Any) -> float:
    """The best value that the bounds allow."""
    return float(measure.bounds[1] if getattr(measure, "better", "lower") == "higher" else measure.bounds[0])


@rule(lambda subject: bool(subject.component.best_on))
def best_value(subject: Subject) -> None:
    """the best of the bounds is reached on the scenes of best_on"""
    measure = subject.build().double()
    for word in measure.best_on:
        found = shown(measure, scene(measure, word), word)
        same(found, torch.full_like(found, best(measure)), f"not the best value on {word!r}", 1e-6)


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
            pictures = scene(measure, start)
            pictures |= {name: CORRUPTIONS[word](pictures[name], strength) for name in changed}
            levels.append(float(sign * shown(measure, pictures, start).mean()))
        rising = all(one <= other for one, other in pairwise(levels)) and levels[0] < levels[-1]
        told = ", ".join(f"{sign * level:.4g}" for level in levels)
        require(rising, f"growing {word} of the scene {start!r} gives {told}")


RULES = (best_value, worsening)
