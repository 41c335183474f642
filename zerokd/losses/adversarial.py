"""The student's half of an adversarial objective."""

from __future__ import annotations

import math
from typing import Literal, final

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import softplus

import zerokd
from zerokd import Loss, Port

Form = Literal["least_squares", "hinge", "logistic", "wasserstein"]


def mean_per_image(values: Tensor) -> Tensor:
    """Mean over all axes but the first, in float32 or wider, (N,)."""
    return values.to(torch.promote_types(values.dtype, torch.float32)).reshape(len(values), -1).mean(dim=1)


def adversarial(score: Tensor, form: Form = "least_squares") -> Tensor:
    """What a critic's scores of a student's images are worth, per image.

    Args:
        score: (N, ...), any range.
        form: the objective of the game; the critic's half needs the same.

    Returns:
        (N,); the higher the scores, the lower, for ``least_squares`` up to 1.
    """
    wide = score.to(torch.promote_types(score.dtype, torch.float32))
    if form == "least_squares":
        return mean_per_image((wide - 1).square())
    return mean_per_image(softplus(-wide) if form == "logistic" else -wide)


@final
class Adversarial(Loss):
    r"""Rewards images that the critic of the stage takes for real ones.

    Formula: $(s - 1)^2$ (``least_squares``), $\log(1 + e^{-s})$ (``logistic``, non-saturating), or $-s$ (``hinge``,
    ``wasserstein``), mean over the scores $s$ of an image.
    Returns: (N,), in [0, inf), 0 exactly where every score is 1 (``least_squares``); ``hinge`` and ``wasserstein`` have
    no least value.
    Scale: mean over the scores.
    Source: Mao et al.: Least squares generative adversarial networks, ICCV 2017; Goodfellow et al., NeurIPS 2014
    (non-saturating); Miyato et al., ICLR 2018 (hinge); Arjovsky et al., ICML 2017 (Wasserstein).
    Pitfalls: its value says nothing of the image alone, since the critic changes: a rising one may be progress. Without
    a term that ties the output to the input, the student may draw what was not there.

    Example:
        >>> import torch
        >>> Adversarial()(score=torch.tensor([[1.0, 1.0], [0.0, 0.5]]))
        tensor([0.0000, 0.6250])
    """

    class Config(zerokd.Config):
        form: Form = Field("least_squares", description="the objective of the game, the same for both players")

    ports = {
        "score": Port(
            "the critic's scores of the student's images", grad=True, default="critic(student.enhanced).score"
        )
    }

    bounds = (-math.inf, math.inf)  # hinge and wasserstein have no lower bound

    def forward(self, *, score: Tensor) -> Tensor:
        return adversarial(score, self.config.form)
