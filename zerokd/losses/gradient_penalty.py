"""The gradient of a value at an image, held to a size."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Loss, Port
from zerokd.losses.adversarial import mean_per_image

EPSILON = 1e-12  # under the root: its slope at 0 is infinite


def gradient_penalty(score: Tensor, image: Tensor, target: float = 0.0) -> Tensor:
    """Squared distance of the size of a gradient from a target, per image.

    Args:
        score: (N, ...), any range, computed from ``image``; no row depends on another row of it.
        image: (N, C, H, W), requires gradient.
        target: the size that costs nothing.

    Returns:
        (N,), in [0, inf).

    Raises:
        RuntimeError: ``score`` was not computed from ``image``.
    """
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(mean_per_image(score).sum(), image, create_graph=True)
        squares = mean_per_image(slope.square()) * slope[0].numel() ** 2
        return squares if target == 0 else ((squares + EPSILON).sqrt() - target).square()


@final
class GradientPenalty(Loss):
    r"""Rewards a model whose output changes little where its input does: scores of a critic, or any other signal.

    Formula: $(g - t)^2$, $g = CHW \sqrt{\frac{1}{CHW} \sum_i (\partial \bar s / \partial x_i)^2}$, $\bar s$ the mean of
    the scores of an image $x$ and $t$ the ``target``: a change of the image by RMS 1 changes $\bar s$ by $g$ at most.
    Returns: (N,), in [0, inf), 0 exactly where $g = t$.
    Scale: for $t = 0$, $CHW$ times the squared norm of the gradient of $\bar s$, which does not change with the size.
    Source: Mescheder et al.: Which training methods for GANs do actually converge?, ICML 2018 (R1: ``target`` 0, on
    real images); Gulrajani et al.: Improved training of Wasserstein GANs, NeurIPS 2017 (``target`` 1). *Differs:* R1
    takes $\frac{\gamma}{2}$ times the squared norm without $CHW$; and the latter paper penalises at random points
    between real and generated images.
    Pitfalls: a gradient of a gradient: a step takes about twice as long. The second derivatives of a network of ReLUs
    are 0, so that only its slopes are trained, not where they change.

    Example:
        >>> import torch
        >>> image = torch.rand(2, 3, 4, 4, requires_grad=True)
        >>> GradientPenalty()(score=2 * image.mean(dim=(1, 2, 3)), image=image).detach().round(decimals=3)
        tensor([4., 4.])
    """

    class Config(zerokd.Config):
        target: float = Field(0.0, ge=0.0, le=1e3, description="the size of the gradient that costs nothing")

    ports = {
        "score": Port("what changes", grad=True, default="critic(reference).score"),
        "image": Port("what it is computed from", default="reference", differentiable=True),
    }

    def forward(self, *, score: Tensor, image: Tensor) -> Tensor:
        return gradient_penalty(score, image, self.config.target)
