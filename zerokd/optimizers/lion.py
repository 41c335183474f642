"""Lion: steps of equal length, in the direction of a sign."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import torch
from pydantic import Field

import zerokd
from zerokd import Optimizer
from zerokd.optimizers.adam import Betas


@final
class Lion(Optimizer):
    r"""Moves every parameter by the learning rate, along the sign of the momentum mixed with the gradient.

    Formula: $c = \beta_1 m + (1 - \beta_1) g$; $\theta \leftarrow \theta - \eta\,(\mathrm{sign}(c) + \lambda\theta)$;
    $m \leftarrow \beta_2 m + (1 - \beta_2) g$, with $m = 0$ before the first step.
    Source: Chen et al., Symbolic Discovery of Optimization Algorithms, NeurIPS 2023, algorithm 2.
    Pitfalls: its steps do not shrink with the gradient, so it needs a learning rate three to ten times below Adam's and
    a schedule that ends near 0. The decay is decoupled, as that of ``adamw``.

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
        >>> weight.grad = torch.tensor([0.3, -5.0])
        >>> Lion(weight_decay=0.5).create([{"params": [weight], "lr": 0.1}]).step()
        >>> weight.data
        tensor([ 0.8500, -1.8000])
    """

    class Config(zerokd.Config):
        weight_decay: float = Field(0.0, ge=0.0, description="share that a step at learning rate 1 removes")
        betas: Betas = Field((0.9, 0.99), description="share of the momentum in a step, and in the next momentum")

    is_elementwise = True

    def create(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return LionOptimizer(groups, self.config.betas, self.config.weight_decay)


class LionOptimizer(torch.optim.Optimizer):
    """The formula of :class:`Lion`; the state of a parameter is its momentum."""

    def __init__(self, groups: list[dict[str, Any]], betas: Betas, weight_decay: float):
        super().__init__(groups, {"lr": 1e-4, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            in_step, in_momentum = group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                momentum = state.setdefault("momentum", torch.zeros_like(parameter))
                direction = (in_step * momentum + (1 - in_step) * parameter.grad).sign_()
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(direction, alpha=group["lr"])
                momentum.mul_(in_momentum).add_(parameter.grad, alpha=1 - in_momentum)
        return loss
