"""Rules for augmentations: draws depend on their generator alone, and the results are images."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zerokd.testing.check import Subject, require, rule
from zerokd.testing.inputs import noise
from zerokd.testing.losses_and_metrics import require_close
from zerokd.testing.scenes import EXTREME_IMAGES


def draw_batch(augmentation: Any, count: int) -> Tensor:
    """Draw for ``count`` images, each with its own generator."""
    return torch.stack([augmentation.draw(torch.Generator().manual_seed(i)) for i in range(count)])


@rule()
def draws(subject: Subject) -> None:
    """draw returns float32 of one shape, determined by its generator alone, or nothing"""
    augmentation = subject.build()
    before = torch.random.get_rng_state()
    draws = [augmentation.draw(torch.Generator().manual_seed(seed)) for seed in range(8)]
    require(torch.equal(before, torch.random.get_rng_state()), "it draws from the global random generator")
    kinds = {(draw.dtype, draw.shape) for draw in draws}
    require(
        kinds == {(torch.float32, draws[0].shape)}, f"draws have several types or shapes, or are not float32: {kinds}"
    )
    again = [subject.build().draw(torch.Generator().manual_seed(seed)) for seed in range(8)]
    require(all(map(torch.equal, draws, again)), "the same generator gives different draws")
    is_random = draws[0].numel() > 0
    require(
        not is_random or not all(torch.equal(draw, draws[0]) for draw in draws[1:]),
        "eight generators give the same draw",
    )


@rule()
def keeps_images(subject: Subject) -> None:
    """apply keeps the shape and [0, 1], on extreme images too; a change of geometry may cut a part out"""
    augmentation = subject.build()
    for name, make in {"noise": lambda image: image, **EXTREME_IMAGES}.items():
        low = make(noise((4, 3, 12, 10))).float()
        augmented = augmentation.apply(low, draw_batch(augmentation, 4))
        is_part = augmentation.changes == "all" and augmented.shape[:2] == low.shape[:2]
        require(augmented.shape == low.shape or is_part, f"{tuple(low.shape)} becomes {tuple(augmented.shape)}")
        inside = torch.isfinite(augmented).all() and (augmented >= 0).all() and (augmented <= 1).all()
        require(inside, f"{name} leaves [0, 1]: {float(augmented.min()):.4g} to {float(augmented.max()):.4g}")


@rule()
def changes_something(subject: Subject) -> None:
    """at least one of eight draws changes an image of noise"""
    augmentation, low = subject.build(), noise((8, 3, 12, 10)).float()
    require(
        not torch.equal(augmentation.apply(low.clone(), draw_batch(augmentation, 8)), low),
        "eight draws change none of eight images",
    )


@rule()
def image_alone(subject: Subject) -> None:
    """an image's result depends on the image and its own draw alone"""
    augmentation, low = subject.build(), noise((4, 3, 12, 10)).float()
    draws = draw_batch(augmentation, 4)
    together = augmentation.apply(low.clone(), draws)
    alone = torch.cat([augmentation.apply(low[i : i + 1].clone(), draws[i : i + 1]) for i in range(4)])
    require_close(alone, together, "images one by one and as a batch", 1e-6)


@rule()
def deterministic(subject: Subject) -> None:
    """apply is deterministic and draws no random number"""
    augmentation, low = subject.build(), noise((4, 3, 12, 10)).float()
    draws = draw_batch(augmentation, 4)
    before = torch.random.get_rng_state()
    augmented = augmentation.apply(low.clone(), draws)
    require(torch.equal(before, torch.random.get_rng_state()), "apply draws from the global random generator")
    require_close(augmentation.apply(low.clone(), draws), augmented, "another result when repeated", 0.0)


@rule()
def inputs_unchanged(subject: Subject) -> None:
    """apply does not modify its images and draws"""
    augmentation, low = subject.build(), noise((4, 3, 12, 10)).float()
    draws = draw_batch(augmentation, 4)
    before = low.clone(), draws.clone()
    augmentation.apply(low, draws)
    require(torch.equal(low, before[0]) and torch.equal(draws, before[1]), "apply writes to its inputs")


@rule()
def any_device(subject: Subject) -> None:
    """apply computes on the images' device"""
    augmentation = subject.build()
    augmented = augmentation.apply(noise((4, 3, 12, 10)).float().to("meta"), draw_batch(augmentation, 4).to("meta"))
    require(augmented.device.type == "meta", f"images on another device are returned on {augmented.device}")


RULES = (draws, keeps_images, changes_something, image_alone, deterministic, inputs_unchanged, any_device)
