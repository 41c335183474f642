"""What an augmentation promises: draws that depend on their generator alone, and a change that keeps images images."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zerokd.testing.check import Subject, require, rule
from zerokd.testing.inputs import noise
from zerokd.testing.losses_and_metrics import require_close
from zerokd.testing.scenes import EXTREME_IMAGES


def draw_batch(augmentation: Any, count: int) -> Tensor:
    """Draws of so many images, each from a generator of its own."""
    return torch.stack([augmentation.draw(torch.Generator().manual_seed(i)) for i in range(count)])


@rule()
def draws(subject: Subject) -> None:
    """draw gives float32 of one shape, the same for the same generator, and leaves the global one alone"""
    one = subject.build()
    before = torch.random.get_rng_state()
    found = [one.draw(torch.Generator().manual_seed(seed)) for seed in range(8)]
    require(torch.equal(before, torch.random.get_rng_state()), "it draws from the global random generator")
    kinds = {(each.dtype, each.shape) for each in found}
    require(kinds == {(torch.float32, found[0].shape)}, f"draws are of several types or shapes, or no float32: {kinds}")
    again = [subject.build().draw(torch.Generator().manual_seed(seed)) for seed in range(8)]
    require(all(map(torch.equal, found, again)), "the same generator gives other draws")
    require(not all(torch.equal(each, found[0]) for each in found[1:]), "eight generators give the same draw")


@rule()
def keeps_images(subject: Subject) -> None:
    """apply gives the same shape, in [0, 1], on extreme images too"""
    one = subject.build()
    for name, make in {"noise": lambda image: image, **EXTREME_IMAGES}.items():
        low = make(noise((4, 3, 12, 10))).float()
        found = one.apply(low, draw_batch(one, 4))
        require(found.shape == low.shape, f"{tuple(low.shape)} becomes {tuple(found.shape)}")
        inside = torch.isfinite(found).all() and (found >= 0).all() and (found <= 1).all()
        require(inside, f"{name} leaves [0, 1]: {float(found.min()):.4g} to {float(found.max()):.4g}")


@rule()
def changes_something(subject: Subject) -> None:
    """some draw changes an image of noise"""
    one, low = subject.build(), noise((8, 3, 12, 10)).float()
    require(
        not torch.equal(one.apply(low.clone(), draw_batch(one, 8)), low), "eight draws leave eight images as they are"
    )


@rule()
def image_alone(subject: Subject) -> None:
    """an image's change depends on it and its own draw alone"""
    one, low = subject.build(), noise((4, 3, 12, 10)).float()
    given = draw_batch(one, 4)
    together = one.apply(low.clone(), given)
    alone = torch.cat([one.apply(low[i : i + 1].clone(), given[i : i + 1]) for i in range(4)])
    require_close(alone, together, "images one by one and together", 1e-6)


@rule()
def deterministic(subject: Subject) -> None:
    """the same draw makes the same change again, and no random number is drawn for it"""
    one, low = subject.build(), noise((4, 3, 12, 10)).float()
    given = draw_batch(one, 4)
    before = torch.random.get_rng_state()
    found = one.apply(low.clone(), given)
    require(torch.equal(before, torch.random.get_rng_state()), "apply draws from the global random generator")
    require_close(one.apply(low.clone(), given), found, "another change when asked again", 0.0)


@rule()
def inputs_unchanged(subject: Subject) -> None:
    """the images and draws that it is given stay as they are"""
    one, low = subject.build(), noise((4, 3, 12, 10)).float()
    given = draw_batch(one, 4)
    before = low.clone(), given.clone()
    one.apply(low, given)
    require(torch.equal(low, before[0]) and torch.equal(given, before[1]), "apply writes to its inputs")


@rule()
def any_device(subject: Subject) -> None:
    """apply computes where the images are"""
    one = subject.build()
    found = one.apply(noise((4, 3, 12, 10)).float().to("meta"), draw_batch(one, 4).to("meta"))
    require(found.device.type == "meta", f"images on another device come back on {found.device}")


RULES = (draws, keeps_images, changes_something, image_alone, deterministic, inputs_unchanged, any_device)
