"""Divergence of the student's distribution from the teacher's."""

from __future__ import annotations

from typing import Literal, final

from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Loss, Port
from zerokd_distill.regions import widen


def kl_divergence(
    student: Tensor, teacher: Tensor, temperature: float = 4.0, over: Literal["channels", "pixels"] = "channels"
) -> Tensor:
    """Kullback-Leibler divergence of softened distributions, times the squared temperature, per image.

    Args:
        student: (N, C, H, W), logits of any range.
        teacher: the same shape.
        temperature: logits are divided by it.
        over: ``channels`` for a distribution at each pixel, ``pixels`` for one in each channel.

    Returns:
        (N,), in [0, inf); 0 when both are equal.
    """
    axis, first = (1, student) if over == "channels" else (2, student.flatten(2))
    second = teacher if over == "channels" else teacher.flatten(2)
    log_student = (widen(first) / temperature).log_softmax(dim=axis)
    log_teacher = (widen(second) / temperature).log_softmax(dim=axis)
    divergence = (log_teacher.exp() * (log_teacher - log_student)).sum(dim=axis)
    return temperature**2 * divergence.flatten(1).mean(dim=1)


@final
class KlDivergence(Loss):
    r"""Rewards a student whose channels, or pixels, have the teacher's relative strengths, the weak ones included.

    Formula: $T^2 \sum_k p_k \log \frac{p_k}{q_k}$ with $p = \mathrm{softmax}(t / T)$ and
    $q = \mathrm{softmax}(s / T)$.
    Returns: (N,), in [0, inf), 0 exactly when the logits differ by a constant in each distribution.
    Scale: mean over distributions: over height and width, or over channels.
    Source: Hinton et al.: Distilling the Knowledge in a Neural Network, 2015; over pixels, channel-wise distillation
    (Shu et al., ICCV 2021).
    Pitfalls: it is for logits and features. For images in [0, 1] every distribution is nearly flat, and the value tiny.
    A constant added to all channels of a pixel does not count.

    Example:
        >>> import torch
        >>> teacher = torch.tensor([0.0, 1.0986]).view(1, 2, 1, 1)  # 1/4 and 3/4
        >>> KlDivergence(temperature=1.0)(student=torch.zeros(1, 2, 1, 1), teacher=teacher)
        tensor([0.1308])
    """

    class Config(zerokd.Config):
        temperature: float = Field(4.0, gt=0.0, le=1000.0, description="logits are divided by it: more is softer")
        over: Literal["channels", "pixels"] = Field("channels", description="a distribution at each pixel, or channel")

    ports = {
        "student": Port("the student's logits", grad=True, example="student.features.e_conv3"),
        "teacher": Port("the teacher's logits", like="student", example="teacher.features.e_conv7"),
    }
    best_on = ("identical",)
    worsens_with = ("noise", "blur")
    examples = ({}, {"over": "pixels"})

    def forward(self, *, student: Tensor, teacher: Tensor) -> Tensor:
        return kl_divergence(student, teacher, self.config.temperature, self.config.over)
