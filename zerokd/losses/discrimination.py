"""The critic's half of an adversarial objective."""

from __future__ import annotations

import math
from typing import final

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import relu, softplus

import zerokd
from zerokd import Loss, Port
from zerokd.losses.adversarial import Form, mean_per_image


def discrimination(real: Tensor, fake: Tensor, form: Form = "least_squares") -> Tensor:
    """How badly scores tell real images from a student's, per image.

    Args:
        real: (N, ...), scores of real images, any range.
        fake: (N, ...), scores of the student's images.
        form: the objective of the game; the student's half needs the same.

    Returns:
        (N,); the real images of a row need not show the scene of its fake ones.
    """
    real, fake = (scores.to(torch.promote_types(scores.dtype, torch.float32)) for scores in (real, fake))
    if form == "least_squares":
        return (mean_per_image((real - 1).square()) + mean_per_image(fake.square())) / 2
    if form == "hinge":
        return mean_per_image(relu(1 - real)) + mean_per_image(relu(1 + fake))
    if form == "logistic":
        return mean_per_image(softplus(-real)) + mean_per_image(softplus(fake))
    return mean_per_image(fake) - mean_per_image(real)


@final
class Discrimination(Loss):
    r"""Rewards a critic that scores real images high and the student's low. It belongs into the critic's objective.

    Formula: $\frac12 (r - 1)^2 + \frac12 f^2$ (``least_squares``), $\max(0, 1 - r) + \max(0, 1 + f)$ (``hinge``),
    $\log(1 + e^{-r}) + \log(1 + e^{f})$ (``logistic``) or $f - r$ (``wasserstein``), means over the scores $r$ of real
    and $f$ of the student's images.
    Returns: (N,), in [0, inf), 0 exactly where real scores are 1 and the student's 0 (``least_squares``); in the form
    ``wasserstein`` it has no least value.
    Scale: mean over the scores.
    Source: as ``adversarial``, the student's half.
    Pitfalls: at its least value the critic tells all images apart, and the student learns nothing from ``hinge`` and
    ``logistic`` scores that are flat there: see ``gradient_penalty``.

    Example:
        >>> import torch
        >>> Discrimination()(real=torch.ones(2, 4), fake=torch.tensor([[0.0] * 4, [1.0] * 4]))
        tensor([0.0000, 0.5000])
    """

    class Config(zerokd.Config):
        form: Form = Field("least_squares", description="the objective of the game, the same for both players")

    ports = {
        "real": Port("the critic's scores of real images", grad=True, default="critic(reference).score"),
        "fake": Port("its scores of the student's images", grad=True, default="critic(student.enhanced).score"),
    }

    bounds = (-math.inf, math.inf)  # wasserstein has no lower bound

    def forward(self, *, real: Tensor, fake: Tensor) -> Tensor:
        return discrimination(real, fake, self.config.form)
