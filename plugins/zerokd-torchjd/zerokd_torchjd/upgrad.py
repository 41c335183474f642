"""UPGrad: no term gets worse, to first order."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor
from torchjd.aggregation import UPGrad
from torchjd.linalg import QuadprogProjector

import zerokd
from zerokd import Aggregator


@final
class Upgrad(Aggregator):
    r"""Projects each term's gradient onto the cone of directions that harm no term, and adds the projections.

    Formula: $\sum_t \pi(g_t)$, $\pi$ the projection onto $\{x : g_s \cdot x \ge 0 \text{ for all } s\}$.
    Source: Quinton and Rey, "Jacobian Descent for Multi-Objective Optimization", 2024; computed by torchjd. *Differs:*
    torchjd takes the mean of the projections; here it is their sum, as an objective is the sum of its terms: where no
    two gradients conflict it is the plain sum, and learning rates keep their meaning. The rows are scaled
    first, since torchjd takes a Gramian below ``norm_eps`` for 0.
    Pitfalls: a quadratic program for each term, on the CPU: T^3 or so each step. Two gradients that oppose each other
    exactly leave nothing of each other. Weights still matter where nothing conflicts.

    Example:
        >>> import torch
        >>> Upgrad()(torch.tensor([[1.0, 0.0], [-1.0, 1.0]])).round(decimals=3)
        tensor([0.5000, 1.5000])
    """

    class Config(zerokd.Config):
        reg_eps: float = Field(1e-7, gt=0.0, le=1e-2, description="added to the Gramian's diagonal, as a share")

    def __init__(self, **options: object):
        super().__init__(**options)
        self._projector = QuadprogProjector(norm_eps=1e-12, reg_eps=self.config.reg_eps)

    def forward(self, gradients: Tensor) -> Tensor:
        rows = gradients.detach().double()
        scale = rows.abs().max()
        if scale == 0:
            return gradients.sum(dim=0)
        ones = torch.ones(len(rows), dtype=rows.dtype, device=rows.device)
        aggregated: Tensor = UPGrad(pref_vector=ones, projector=self._projector)(rows / scale)
        return (aggregated * scale).to(gradients.dtype)
