"""Rules for losses and metrics on known scenes: best values, and corruptions that worsen them."""

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

SCENE_COUNT = 2  # images of each scene


def make_scene(measure: Any, scene_name: str | float) -> dict[str, Tensor]:
    """Build a scene for all ports, float64; a named one in [0, 1], a number as a flat level."""
    if isinstance(scene_name, str) and scene_name not in SCENES:
        raise CheckError(f"best_on says {scene_name!r}, which is not a scene: {', '.join(SCENES)}, or a number")
    images = {}
    for name, port in measure.ports.items():
        image = noise((SCENE_COUNT, port.channels or 3, input_side(measure), input_side(measure)))
        images[name] = (
            torch.full_like(image, scene_name) if not isinstance(scene_name, str) else SCENES[scene_name](image)
        )
    return images


def compute_scene_values(measure: Any, images: Mapping[str, Tensor], scene_name: str | float) -> Tensor:
    """Evaluate on images in [0, 1], scaled to the ports' ranges, or on a flat level as it is."""
    scaled = (
        images
        if not isinstance(scene_name, str)
        else {n: scale_to_port_range(p, measure.ports[n]) for n, p in images.items()}
    )
    return compute_values(measure, scaled)


def best_possible_value(measure: Any) -> float:
    """Return the best value within the bounds."""
    return float(measure.bounds[1] if getattr(measure, "better", "lower") == "higher" else measure.bounds[0])


@rule(lambda subject: bool(subject.component.best_on))
def best_value(subject: Subject) -> None:
    """it reaches the best bound on the scenes of best_on"""
    measure = subject.copy().double()
    for scene in measure.best_on:
        values = compute_scene_values(measure, make_scene(measure, scene), scene)
        require_close(
            values, torch.full_like(values, best_possible_value(measure)), f"not the best value on {scene!r}", 1e-6
        )


@rule(lambda subject: bool(subject.component.worsens_with))
def worsening(subject: Subject) -> None:
    """a stronger corruption of worsens_with gives a worse value, never a better one"""
    measure = subject.copy().double()
    sign = -1.0 if getattr(measure, "better", "lower") == "higher" else 1.0
    require(measure.best_on, "worsens_with needs a scene to start from: declare best_on")
    corrupted_ports = [name for name, port in measure.ports.items() if getattr(port, "grad", False)] or [
        *measure.ports
    ][:1]
    start = measure.best_on[0]
    for corruption in measure.worsens_with:
        require(
            corruption in CORRUPTIONS,
            f"worsens_with says {corruption!r}, which is not a corruption: {', '.join(CORRUPTIONS)}",
        )
        levels = []
        for strength in STRENGTHS:
            images = make_scene(measure, start)
            images |= {name: CORRUPTIONS[corruption](images[name], strength) for name in corrupted_ports}
            levels.append(float(sign * compute_scene_values(measure, images, start).mean()))
        rising = all(weaker <= stronger for weaker, stronger in pairwise(levels)) and levels[0] < levels[-1]
        values = ", ".join(f"{sign * level:.4g}" for level in levels)
        require(rising, f"growing {corruption} of the scene {start!r} gives {values}")


RULES = (best_value, worsening)
