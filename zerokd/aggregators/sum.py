"""The plain sum of the terms' gradients."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Aggregator


@final
class Sum(Aggregator):
    r"""Follows what a stage without an aggregator follows, by another way: to compare others with.

    Formula: $\sum_t g_t$ over the gradients of all terms, each times its weight already.
    Returns: (P,), equal to the gradient of the objective but for float rounding.
    Source: none; it is what the equation of a stage says.
    Pitfalls: it needs one backward pass a term, and changes nothing; a stage that wants the sum needs no aggregator.

    Example:
        >>> import torch
        >>> Sum()(torch.tensor([[1.0, 2.0], [3.0, -2.0]]))
        tensor([4., 0.])
    """

    def forward(self, gradients: Tensor) -> Tensor:
        return gradients.sum(dim=0)
