"""GradNorm: gradient norms of one size, but for terms that learn slower than the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Clock, TermValues, Weighting
from zerokd_weighting.adam import TermAdam

TINY = 1e-12  # in place of 0 in a divisor
MIN_FACTOR = 1e-3  # before normalisation: a factor of 0 or less would drop a term, or train against it


@final
class Gradnorm(Weighting):
    r"""Learns factors that give the terms gradients of one norm, larger for those that learn slower than the others.

    Formula: Adam moves each factor $f_t$ by the gradient of $\sum_t |G_t - \bar G \, r_t^\alpha|$ with the target
    constant, in each step that computes the term, after the factor is used: $G_t = f_t \|g_t\|$, $\bar G$ its mean over
    the terms of the step, $r_t = \tilde L_t / \bar{\tilde L}$, $\tilde L_t$ the term's value divided by its first one.
    Then the factors of the step are scaled to the sum that they had.
    Returns: (T,), positive; the sum over all terms of the stage is their number.
    Source: Chen et al., "GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep Multitask Networks", ICML
    2018. *Differs:* norms are over all parameters of the student, in place of its last shared layer; a factor does not
    fall below 0.001 before it is scaled; the rates are of values from before the recipe's weights.
    Pitfalls: Adam moves every factor by ``learning_rate`` or so per step, also where the norms agree already, so that
    they jitter. In the end a constant weight of the recipe cancels out: a regulariser with a small weight gets the
    gradient norm of the others. A first value near 0 makes a term look slow for the whole stage.

    Example:
        >>> import torch, zerokd
        >>> weighting, clock = Gradnorm(learning_rate=0.1), zerokd.Clock(steps=2, steps_per_epoch=1)
        >>> labels, rows = ("task.a", "task.b"), torch.tensor([0, 1])
        >>> weighting.start(labels, clock)
        >>> for step in range(2):
        ...     terms = zerokd.TermValues(labels, rows, torch.ones(2), torch.ones(2), step, clock)
        ...     print(weighting.factors(torch.tensor([[4.0, 0.0], [0.0, 1.0]]), terms))
        tensor([1., 1.])
        tensor([0.9000, 1.1000])
    """

    nonnegative_values = True
    factor: Tensor
    first_value: Tensor
    is_seen: Tensor

    class Config(zerokd.Config):
        alpha: float = Field(1.5, ge=0.0, le=10.0, description="how much more a slow term gets; 0: norms of one size")
        learning_rate: float = Field(0.025, gt=0.0, le=0.5, description="Adam's, of the factors")

    def start(self, labels: Sequence[str], clock: Clock) -> None:
        self.register_buffer("factor", torch.ones(len(labels)))
        self.register_buffer("first_value", torch.zeros(len(labels)))
        self.register_buffer("is_seen", torch.zeros(len(labels), dtype=torch.bool))
        self.adam = TermAdam(len(labels))

    def factors(self, gradients: Tensor, terms: TermValues) -> Tensor:
        positions, values = terms.positions, terms.values.clamp_min(0.0)
        factors = self.factor[positions]
        first = self.first_value[positions].where(self.is_seen[positions], values)
        norms = gradients.norm(dim=1)
        sizes, ratios = factors * norms, values / first.clamp_min(TINY)
        target = sizes.mean() * (ratios / ratios.mean().clamp_min(TINY)) ** self.config.alpha
        change = self.adam.step(torch.sign(sizes - target) * norms, positions, self.config.learning_rate)
        moved = (factors + change).clamp_min(MIN_FACTOR)
        self.factor[positions] = moved * (factors.sum() / moved.sum())
        self.first_value[positions] = first
        self.is_seen[positions] = True
        return factors
