"""Functions of kornia with the arguments that a recipe can set: each calls kornia, and computes nothing of its own."""

from __future__ import annotations

from typing import Literal

import torch
from kornia import losses
from torch import Tensor

WindowSize = Literal[3, 5, 7, 9, 11, 13, 15, 17, 19, 21]


def pseudo_huber(prediction: Tensor, target: Tensor, scale: float = 1.0) -> Tensor:
    """kornia's Charbonnier loss, (N, C, H, W); it has no scale, and documents to divide both images by it."""
    return losses.charbonnier_loss(prediction / scale, target / scale)


def cauchy(prediction: Tensor, target: Tensor, scale: float = 1.0) -> Tensor:
    """kornia's Cauchy loss, (N, C, H, W), with a scale as in :func:`pseudo_huber`."""
    return losses.cauchy_loss(prediction / scale, target / scale)


def geman_mcclure(prediction: Tensor, target: Tensor, scale: float = 1.0) -> Tensor:
    """kornia's Geman-McClure loss, (N, C, H, W), with a scale as in :func:`pseudo_huber`."""
    return losses.geman_mcclure_loss(prediction / scale, target / scale)


def welsch(prediction: Tensor, target: Tensor, scale: float = 1.0) -> Tensor:
    """kornia's Welsch loss, (N, C, H, W), with a scale as in :func:`pseudo_huber`."""
    return losses.welsch_loss(prediction / scale, target / scale)


def psnr(prediction: Tensor, target: Tensor, highest: float | None = None) -> Tensor:
    """kornia's PSNR loss of a batch of images in [0, 1], clamped to at least ``-highest`` dB."""
    value = losses.psnr_loss(prediction, target, 1.0)
    return value if highest is None else torch.clamp(value, min=-highest)


def dssim(prediction: Tensor, target: Tensor, window_size: WindowSize = 11) -> Tensor:
    """kornia's SSIM loss, (N, C, H, W), of images in [0, 1]; kornia has no default window, and refuses even ones."""
    return losses.ssim_loss(prediction, target, window_size, reduction="none")
