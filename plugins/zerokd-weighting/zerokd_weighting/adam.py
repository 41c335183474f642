"""Adam for a number of each term, whose state is buffers of the aggregator that owns it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BETAS, EPS = (0.9, 0.999), 1e-8


class TermAdam(nn.Module):
    """Adam (Kingma and Ba, ICLR 2015) for numbers of ``count`` terms. Terms that rest at a step keep their moments and
    their count of updates, as parameters without a gradient do in PyTorch."""

    first_moment: Tensor
    second_moment: Tensor
    updates: Tensor

    def __init__(self, count: int):
        super().__init__()
        for name in ("first_moment", "second_moment", "updates"):
            self.register_buffer(name, torch.zeros(count))

    def step(self, gradient: Tensor, positions: Tensor, learning_rate: float) -> Tensor:
        """What to add to the numbers at ``positions`` (T,), whose gradient is (T,)."""
        first = self.first_moment[positions].lerp(gradient, 1 - BETAS[0])
        second = self.second_moment[positions].lerp(gradient * gradient, 1 - BETAS[1])
        updates = self.updates[positions] + 1
        self.first_moment[positions], self.second_moment[positions], self.updates[positions] = first, second, updates
        corrections = [1 - beta ** updates.double() for beta in BETAS]  # float32 would lose three digits of 1 - 0.999
        unbiased = first / corrections[0]
        return (-learning_rate * unbiased / ((second / corrections[1]).sqrt() + EPS)).to(gradient.dtype)
