"""PCGrad: gradient surgery."""

from __future__ import annotations

import hashlib
from typing import final

import torch
from pydantic import Field
from torch import Tensor
from torchjd.aggregation import PCGrad

import zerokd
from zerokd import Aggregator


@final
class Pcgrad(Aggregator):
    r"""Removes from each term's gradient its components against the other gradients that it opposes, and adds the rest.

    Formula: for each $t$, over the others $s$ in random order: $g_t \leftarrow g_t - \frac{g_t \cdot g_s}{\|g_s\|^2}
    g_s$ where $g_t \cdot g_s < 0$, with $g_s$ as it was; then the sum over $t$.
    Source: Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020; computed by torchjd. *Differs:* the
    order is drawn from the gradients themselves and ``seed``, not from torch's global generator: the same gradients
    always give the same result, and a run repeats bit for bit.
    Pitfalls: with three terms and more the result depends on the order, and may still oppose a term.

    Example:
        >>> import torch
        >>> Pcgrad()(torch.tensor([[1.0, 0.0], [-1.0, 1.0]]))
        tensor([0.5000, 1.5000])
    """

    class Config(zerokd.Config):
        seed: int = Field(0, ge=0, lt=2**31, description="seed of the order of projections")

    def forward(self, gradients: Tensor) -> Tensor:
        rows = gradients.detach().double()
        scale = rows.abs().max()
        if scale == 0:
            return gradients.sum(dim=0)
        rows = rows / scale
        digest = hashlib.sha256(f"{self.config.seed}:".encode() + rows.cpu().numpy().tobytes()).digest()
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(int.from_bytes(digest[:7], "big"))
            aggregated: Tensor = PCGrad()(rows)
        return (aggregated * scale).to(gradients.dtype)
