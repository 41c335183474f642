"""Uncertainty weighting: each term is divided by a variance that is learned with the student."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Clock, TermValues, Weighting
from zerokd_weighting.adam import TermAdam


@final
class Uncertainty(Weighting):
    r"""Divides each term by its own variance, which is learned: large contributions count less, small ones more.

    Formula: the student and a log variance $s_t$ of each term minimise $\sum_t e^{-s_t} L_t + s_t$, $L_t$ the term's
    weight times its value; the factor is $e^{-s_t}$, at first 1. Adam moves $s_t$ by $1 - e^{-s_t} L_t$ in each step
    that computes the term, after its factor is used.
    Returns: (T,), in $[e^{-\text{limit}}, e^{\text{limit}}]$.
    Source: Kendall, Gal and Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and
    Semantics", CVPR 2018. *Differs:* twice their $\frac{1}{2 \sigma^2} L + \log \sigma$ of a regression, $s = \log
    \sigma^2$, so that factors start at 1 and the optimum is the same; $s_t$ has a learning rate of its own, and stays
    within ``limit``.
    Pitfalls: the optimum is $e^{-s_t} = 1 / L_t$: in the end a constant weight of the recipe cancels out, and every
    term contributes about 1 unless the stage ends before. The factor of a term that reaches 0 grows up to the limit,
    and with it the gradient. Regularisers that oppose the goal by design grow as well.

    Example:
        >>> import torch, zerokd
        >>> weighting, clock = Uncertainty(learning_rate=0.1), zerokd.Clock(steps=10, steps_per_epoch=5)
        >>> weighting.start(["task.a", "task.b"], clock)
        >>> values, rows = torch.tensor([0.5, 4.0]), torch.tensor([0, 1])
        >>> for step in range(2):
        ...     terms = zerokd.TermValues(("task.a", "task.b"), rows, values, torch.ones(2), step, clock)
        ...     print(weighting.factors(torch.eye(2), terms))
        tensor([1., 1.])
        tensor([1.1052, 0.9048])
    """

    nonnegative_values = True
    log_variance: Tensor

    class Config(zerokd.Config):
        learning_rate: float = Field(1e-2, gt=0.0, le=1.0, description="Adam's, of the log variances")
        limit: float = Field(10.0, gt=0.0, le=20.0, description="largest distance of a log variance from 0")

    def start(self, labels: Sequence[str], clock: Clock) -> None:
        self.register_buffer("log_variance", torch.zeros(len(labels)))
        self.adam = TermAdam(len(labels))

    def factors(self, gradients: Tensor, terms: TermValues) -> Tensor:
        log_variance = self.log_variance[terms.positions]
        factors = torch.exp(-log_variance)
        slope = 1 - factors * terms.weights * terms.values
        change = self.adam.step(slope, terms.positions, self.config.learning_rate)
        limit = self.config.limit
        self.log_variance[terms.positions] = (log_variance + change).clamp(-limit, limit)
        return factors
