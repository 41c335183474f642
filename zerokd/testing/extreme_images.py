"""Rules for losses and metrics on extreme images, which three rules judge and one evaluation computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from zerokd.testing.check import Subject, require, rule
from zerokd.testing.inputs import as_leaf_tensors, make_port_tensors
from zerokd.testing.losses_and_metrics import compute_values, format_tensor
from zerokd.testing.scenes import EXTREME_IMAGES

BOUNDS_TOLERANCE = 1e-5  # float32 rounding may pass a bound by this
BATCH_SIZE = 8  # images: more of them at once do not fit a processor's caches
EXTREME_COUNT = 3  # images of a scene that is drawn, such as one of a single colour


@frozen
class ExtremeValues:
    """Values (N,) on a batch of extreme images, by the name of each image's scene, and whether gradients are finite.

    ``gradient_is_finite`` holds a tensor (N,) for each port that has a gradient; ``backward_error`` is what the
    gradient's computation raised.
    """

    scenes: tuple[str, ...]
    values: Tensor
    gradient_is_finite: Mapping[str, Tensor]
    backward_error: Exception | None = None

    def find_first(self, is_bad: Tensor) -> int | None:
        """The first image that is bad, (N,) bool."""
        return int(is_bad.int().argmax()) if is_bad.any() else None

    def describe(self, image: int) -> str:
        """The value and the scene of an image."""
        return f"{format_tensor(self.values[image])} on {self.scenes[image]}"


def evaluate_extreme_images(subject: Subject) -> ExtremeValues:
    """Evaluate a new instance once on all extreme images, in batches: a value depends on its image alone."""
    measure = subject.copy()
    scenes, ports = _make_extreme_images(measure)
    values: list[Tensor] = []
    finite: dict[str, list[Tensor]] = {}
    error = None
    for batch in zip(*(tensor.split(BATCH_SIZE) for tensor in ports.values()), strict=True):
        leaves = as_leaf_tensors(measure, dict(zip(ports, batch, strict=True)))
        values.append(compute_values(measure, leaves))
        try:
            if values[-1].requires_grad:
                values[-1].sum().backward()
        except Exception as raised:
            error = raised
        for name, tensor in leaves.items():
            if tensor.grad is not None:
                finite.setdefault(name, []).append(tensor.grad.isfinite().flatten(1).all(dim=1))
    is_finite = {name: torch.cat(parts) for name, parts in finite.items()}
    return ExtremeValues(scenes, torch.cat(values).detach(), {} if error else is_finite, error)


def _make_extreme_images(measure: Any) -> tuple[tuple[str, ...], dict[str, Tensor]]:
    """The scene of each image, and all images by port."""
    inputs = list(_list_extreme_inputs(measure))
    scenes = tuple(scene for scene, tensors in inputs for _ in next(iter(tensors.values())))
    return scenes, {name: torch.cat([tensors[name] for _, tensors in inputs]) for name in measure.ports}


def _list_extreme_inputs(measure: Any) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The images of each scene: noise in all ports, an extreme image in all, and one in the first port alone."""
    first = next(iter(measure.ports))
    usual = make_port_tensors(measure, 1)
    yield "noise", usual
    yield "black and white noise", make_port_tensors(measure, 1, transform=torch.round)
    for name, make in EXTREME_IMAGES.items():
        extreme = make_port_tensors(measure, EXTREME_COUNT, transform=make, share_image=True)
        is_constant = all(torch.equal(tensor[:1].expand_as(tensor), tensor) for tensor in extreme.values())
        single = {port: tensor[:1] for port, tensor in extreme.items()}
        yield name, single if is_constant else extreme
        if len(measure.ports) > 1:
            yield f"{name} ({first} alone)", usual | {first: single[first]}


@rule()
def finite_values(subject: Subject) -> None:
    """finite on black, white, grey and other extreme images"""
    extremes: ExtremeValues = subject.compute_once(evaluate_extreme_images)
    bad = extremes.find_first(~extremes.values.isfinite())
    require(bad is None, extremes.describe(bad or 0))


@rule()
def bounds(subject: Subject) -> None:
    """values lie in the declared bounds"""
    lower, upper = subject.component.bounds
    require(lower < upper, f"the bounds {subject.component.bounds} are not an interval")
    extremes: ExtremeValues = subject.compute_once(evaluate_extreme_images)
    slack = BOUNDS_TOLERANCE * max(1.0, *(abs(edge) for edge in (lower, upper) if abs(edge) < float("inf")), 0.0)
    inside = (extremes.values >= lower - slack) & (extremes.values <= upper + slack)
    bad = extremes.find_first(~inside)
    require(bad is None, f"{extremes.describe(bad or 0)} is not in [{lower:g}, {upper:g}]")


RULES = (finite_values, bounds)
