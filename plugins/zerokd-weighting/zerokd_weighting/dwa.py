"""Dynamic weight average: the slower a term's value falls, the larger its factor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Clock, TermValues, Weighting

TINY = 1e-12  # in place of a value of 0 in a divisor


@final
class Dwa(Weighting):
    r"""Gives more weight to terms whose value falls slowly from one epoch to the next, less to those that fall fast.

    Formula: $K \, e^{r_t / T} / \sum_s e^{r_s / T}$ over the $K$ terms of the step, $r_t$ the term's mean value in the
    last epoch divided by that in the epoch before; $r_t = 1$ until two epochs are over.
    Returns: (T,), in $[0, K]$, and their sum is $K$.
    Source: Liu, Johns and Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019. *Differs:* an epoch in
    which a term rests leaves its means as they were, and the values are from before the recipe's weights.
    Pitfalls: it changes nothing in the first two epochs, and changes factors only between epochs. Two terms whose
    values are noise move it as much as two that learn. The ratio of a value near 0 may be anything.

    Example:
        >>> import torch, zerokd
        >>> weighting, clock = Dwa(temperature=1.0), zerokd.Clock(steps=3, steps_per_epoch=1)
        >>> labels, rows = ("task.a", "task.b"), torch.tensor([0, 1])
        >>> weighting.start(labels, clock)
        >>> for step, values in enumerate([[1.0, 1.0], [0.5, 1.0], [0.5, 1.0]]):
        ...     terms = zerokd.TermValues(labels, rows, torch.tensor(values), torch.ones(2), step, clock)
        ...     print(weighting.factors(torch.eye(2), terms))
        tensor([1., 1.])
        tensor([1., 1.])
        tensor([0.7551, 1.2449])
    """

    nonnegative_values = True
    epoch: Tensor
    total: Tensor
    count: Tensor
    last_mean: Tensor
    earlier_mean: Tensor
    finished_epochs: Tensor

    class Config(zerokd.Config):
        temperature: float = Field(2.0, ge=1e-2, le=1e3, description="T: the larger, the closer factors are to 1")

    def start(self, labels: Sequence[str], clock: Clock) -> None:
        self.register_buffer("epoch", torch.zeros(len(labels), dtype=torch.long))
        for name in ("total", "count", "last_mean", "earlier_mean", "finished_epochs"):
            self.register_buffer(name, torch.zeros(len(labels)))

    def factors(self, gradients: Tensor, terms: TermValues) -> Tensor:
        positions = terms.positions
        self._close_epoch(positions, terms.step // terms.clock.steps_per_epoch)
        self.total[positions] += terms.values
        self.count[positions] += 1
        ratios = (self.last_mean / self.earlier_mean.clamp_min(TINY)).where(self.finished_epochs >= 2, 1.0)
        return len(positions) * torch.softmax(ratios[positions] / self.config.temperature, dim=0)

    def _close_epoch(self, positions: Tensor, epoch: int) -> None:
        """Move the means of the terms for which another epoch begins; in tensors, so that nothing waits for a GPU."""
        total, count, last = self.total[positions], self.count[positions], self.last_mean[positions]
        is_over = self.epoch[positions] != epoch
        is_measured = is_over & (count > 0)
        self.earlier_mean[positions] = last.where(is_measured, self.earlier_mean[positions])
        self.last_mean[positions] = (total / count.clamp_min(1)).where(is_measured, last)
        self.finished_epochs[positions] += is_measured
        self.total[positions] = total.masked_fill(is_over, 0.0)
        self.count[positions] = count.masked_fill(is_over, 0.0)
        self.epoch[positions] = epoch
