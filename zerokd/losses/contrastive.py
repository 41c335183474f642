"""Towards the teacher, away from the student's own moving average."""

from __future__ import annotations

import math
from typing import final

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

import zerokd
from zerokd import Loss, Port
from zerokd.losses.mse import mse


def contrastive(anchor: Tensor, positive: Tensor, negative: Tensor, temperature: float = 0.1) -> Tensor:
    """InfoNCE over one positive and one negative, similarity = -mean squared difference, per image.

    Args:
        anchor: (N, C, H, W) in [0, 1].
        positive: the same shape; the anchor should resemble it.
        negative: the same shape; the anchor should differ from it.
        temperature: the difference of squared errors that counts as one nat.

    Returns:
        (N,), in [softplus(-1/t), softplus(1/t)]; never 0; log 2 when the anchor is as near to one as to the other.
    """
    return F.softplus((mse(anchor, positive) - mse(anchor, negative)) / temperature)


@final
class Contrastive(Loss):
    r"""Rewards an output nearer to the fixed teacher than to the student's moving average, against standing still.

    Formula: $-\log\frac{e^{-d_+/t}}{e^{-d_+/t} + e^{-d_-/t}} = \log(1 + e^{(d_+ - d_-)/t})$, $d_\pm$ the mean squared
    difference between anchor and positive or negative, $t$ the ``temperature``.
    Returns: (N,), in [softplus(-1/t), softplus(1/t)]: bounded, and never exactly 0. It is log 2 when anchor, positive
    and negative are equal, and softplus(d_+/t) while the moving average still equals the student.
    Scale: mean over channels, height and width inside each distance.
    Source: InfoNCE (van den Oord et al., 2018) with the moving average of BYOL and MoCo as the slow network, in the
    manner of contrastive regularisation (AECR-Net, Wu et al., CVPR 2021), which divides distances instead. *Differs:*
    the released script's term is a constant 0, since the keys of its two feature dictionaries never meet; paired, its
    ratio $d_+/(d_- + 10^{-7})$ would explode at the start, where moving average and student are equal.
    Pitfalls: $d_+ - d_-$ is linear in the anchor, so the gradient always points along positive minus negative and does
    not vanish at the teacher: pair it with ``mse`` and a small weight. It fades as the student overtakes its average.

    Example:
        >>> import torch
        >>> image = torch.rand(1, 3, 4, 4)
        >>> Contrastive()(anchor=image, positive=image, negative=image)
        tensor([0.6931])
    """

    class Config(zerokd.Config):
        temperature: float = Field(
            0.1, ge=1e-3, le=1e3, description="difference of mean squared errors that counts as one nat, no unit"
        )

    ports = {
        "anchor": Port("the student's image", range=(0.0, 1.0), grad=True, default="student.enhanced"),
        "positive": Port("what it is pulled to", range=(0.0, 1.0), default="teacher.enhanced", like="anchor"),
        "negative": Port("what it is pushed from", range=(0.0, 1.0), default="ema.enhanced", like="anchor"),
    }
    bounds = (0.0, 1e3 + math.log(2.0))

    def forward(self, *, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return contrastive(anchor, positive, negative, self.config.temperature)
