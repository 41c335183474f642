"""Adam with decoupled weight decay."""

from __future__ import annotations

from typing import Any, final

import torch
from pydantic import Field

from zerokd import Optimizer
from zerokd.optimizers.adam import Adam, has_fused_kernel


@final
class AdamW(Optimizer):
    r"""Shrinks every parameter by a share of itself, then takes a step of Adam on the gradient alone.

    Formula: $\theta \leftarrow (1 - \eta\lambda)\,\theta$, then Adam's step with $\lambda = 0$.
    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019.
    Pitfalls: the decay follows the learning rate: a schedule of the rate is one of the decay too.

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
        >>> weight.grad = torch.tensor([0.3, -5.0])
        >>> AdamW(weight_decay=0.5).create([{"params": [weight], "lr": 0.1}]).step()
        >>> weight.data
        tensor([ 0.8500, -1.8000])
    """

    class Config(Adam.Config):
        weight_decay: float = Field(0.01, ge=0.0, description="share that a step at learning rate 1 removes")

    is_elementwise = True

    def create(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        config = self.config
        return torch.optim.AdamW(
            groups,
            betas=config.betas,
            eps=config.eps,
            weight_decay=config.weight_decay,
            fused=has_fused_kernel(groups),
        )
