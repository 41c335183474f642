"""Adam, with coupled L2 decay."""

from __future__ import annotations

from typing import Annotated, Any, final

import torch
from pydantic import Field

import zerokd
from zerokd import Optimizer

Beta = Annotated[float, Field(ge=0.0, lt=1.0)]
Betas = tuple[Beta, Beta]


@final
class Adam(Optimizer):
    r"""Divides a moving mean of the gradient by the root of a moving mean of its square. The default of every stage.

    Formula: $g \leftarrow g + \lambda\theta$; $m \leftarrow \beta_1 m + (1 - \beta_1) g$; $v \leftarrow \beta_2 v +
    (1 - \beta_2) g^2$; $\theta \leftarrow \theta - \eta\,\hat m / (\sqrt{\hat v} + \epsilon)$, with $\hat m = m / (1 -
    \beta_1^t)$ and $\hat v = v / (1 - \beta_2^t)$ at step $t$, from 1.
    Source: Kingma and Ba, Adam, ICLR 2015.
    Pitfalls: the decay passes through the division, so it is weak where gradients are large; ``adamw`` decouples it.

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
        >>> weight.grad = torch.tensor([0.3, -5.0])
        >>> Adam().create([{"params": [weight], "lr": 0.1}]).step()
        >>> weight.data  # the first step is as long as the learning rate
        tensor([ 0.9000, -1.9000])
    """

    class Config(zerokd.Config):
        weight_decay: float = Field(
            0.0, ge=0.0, description="coupled L2 decay: this times a parameter joins its gradient"
        )
        betas: Betas = Field((0.9, 0.999), description="shares of both moving means that a step keeps")
        eps: float = Field(1e-8, gt=0.0, description="added to the root, so that nothing divides by 0")

    is_elementwise = True

    def create(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        config = self.config
        return torch.optim.Adam(
            groups,
            betas=config.betas,
            eps=config.eps,
            weight_decay=config.weight_decay,
            fused=has_fused_kernel(groups),
        )


def has_fused_kernel(groups: list[dict[str, Any]]) -> bool:
    """Whether PyTorch updates such parameters in one pass."""
    return groups[0]["params"][0].device.type in ("cpu", "cuda")
