"""Rules for critics: finite scores of any image, from that image alone, with gradient at the image."""

from __future__ import annotations

import torch
from torch import Tensor

from zerokd.testing.check import CheckError, Subject, require, rule
from zerokd.testing.inputs import noise
from zerokd.testing.losses_and_metrics import format_tensor, require_close
from zerokd.testing.scenes import EXTREME_IMAGES
from zerokd.testing.torch_modules import RULES as MODULE_RULES
from zerokd.testing.torch_modules import build_seeded

IMAGE_SIZES = ((64, 64), (65, 96), (97, 71))


@rule()
def scores(subject: Subject) -> None:
    """it maps (N, 3, H, W) to scores (N, ...), finite on extreme images too"""
    critic = build_seeded(subject).eval()
    for name, make in {"noise": lambda image: image, **EXTREME_IMAGES}.items():
        for height, width in IMAGE_SIZES:
            try:
                value = critic(make(noise((2, 3, height, width))).float())
            except Exception as error:
                raise CheckError(f"{type(error).__name__} on {height}x{width} pixels: {error}") from error
            require(isinstance(value, Tensor), f"it returns {type(value).__name__}, no tensor")
            require(len(value) == 2 and value.numel(), f"two images have scores of the shape {tuple(value.shape)}")
            require(torch.isfinite(value).all(), f"scores are {format_tensor(value)} on {name}")


@rule()
def image_alone(subject: Subject) -> None:
    """an image's scores do not depend on the rest of its batch, in eval mode"""
    critic, images = build_seeded(subject).double().eval(), noise((3, 3, 64, 72))
    one_by_one = torch.cat([critic(image) for image in images.split(1)])
    require_close(one_by_one, critic(images), "scores of images one by one and as a batch")


@rule()
def gradient_reaches(subject: Subject) -> None:
    """every parameter and every image has a gradient: finite on extreme images, not 0 on noise"""
    critic = build_seeded(subject).train()
    for scene, make in {"noise": lambda image: image, **EXTREME_IMAGES}.items():
        critic.zero_grad()
        images = make(noise((2, 3, 64, 72))).float().requires_grad_()
        value = critic(images)
        (value * noise(tuple(value.shape), 5).to(value)).sum().backward()
        for name, tensor in {**dict(critic.named_parameters()), "the image": images}.items():
            require(tensor.grad is not None, f"no gradient reaches {name}")
            assert tensor.grad is not None
            require(torch.isfinite(tensor.grad).all(), f"the gradient of {name} is not finite on {scene}")
            require(scene != "noise" or tensor.grad.any(), f"the gradient of {name} is 0 on noise")


RULES = (scores, image_alone, gradient_reaches, *MODULE_RULES)
