"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any, final

import torch
from pydantic import Field, model_validator

import zerokd
from zerokd import Optimizer


@final
class Sgd(Optimizer):
    r"""Follows the gradient, or a sum of past gradients that fades (momentum).

    Formula: $g \leftarrow g + \lambda\theta$; $b \leftarrow \mu b + g$, at the first step $b = g$; $\theta \leftarrow
    \theta - \eta b$, with ``nesterov`` $\theta \leftarrow \theta - \eta\,(g + \mu b)$.
    Source: Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013.
    Pitfalls: steps are as long as gradients: it needs a learning rate far from Adam's. Momentum multiplies it by
    $1/(1 - \mu)$ in the long run.

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
        >>> weight.grad = torch.tensor([0.5, -5.0])
        >>> Sgd(momentum=0.5, nesterov=True).create([{"params": [weight], "lr": 0.1}]).step()
        >>> weight.data
        tensor([ 0.9250, -1.2500])
    """

    class Config(zerokd.Config):
        weight_decay: float = Field(
            0.0, ge=0.0, description="coupled L2 decay: this times a parameter joins its gradient"
        )
        momentum: float = Field(0.0, ge=0.0, lt=1.0, description="share of the sum of past gradients that a step keeps")
        nesterov: bool = Field(False, description="look one step ahead along the momentum")

        @model_validator(mode="after")
        def _require_momentum(self) -> Sgd.Config:
            if self.nesterov and self.momentum == 0.0:
                raise ValueError("nesterov = true needs a momentum above 0")
            return self

    examples = ({}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-4})
    is_elementwise = True

    def create(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        config = self.config
        return torch.optim.SGD(
            groups, momentum=config.momentum, nesterov=config.nesterov, weight_decay=config.weight_decay
        )
