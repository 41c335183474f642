"""Relative loss balancing with random lookback."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Clock, TermValues, Weighting

TINY = 1e-12  # in place of a value of 0 in a divisor


@final
class Relobralo(Weighting):
    r"""Gives more weight to terms that have improved less since the last step and, now and then, since the first one.

    Formula: $\lambda_t \leftarrow \alpha (\rho \lambda_t + (1 - \rho) b_t(\text{first})) + (1 - \alpha)
    b_t(\text{last})$, at first 1, with $b_t(v) = K \, e^{L_t / (T v_t)} / \sum_s e^{L_s / (T v_s)}$ over the $K$ terms
    of the step, $L_t$ the term's value now, $v_t$ its value at its first or its last step, and $\rho$ 1 or 0 at random.
    Returns: (T,), in $[0, K]$; where every step computes every term, their sum is $K$.
    Source: Bischof and Kraus, "Multi-Objective Loss Balancing for Physics-Informed Deep Learning", 2021. *Differs:*
    the released code sets $\alpha = 0$ in its second step; here the formula holds from the second step on. $\rho$ is
    drawn from ``seed`` and the step alone, so that a run repeats bit for bit. The values are from before the recipe's
    weights.
    Pitfalls: with a low temperature one term takes almost all weight in $b$, and the average over steps hides it. The
    values of single batches are noise: with $\alpha$ far below 1 it follows that. A value near 0 may blow up its ratio.

    Example:
        >>> import torch, zerokd
        >>> weighting, clock = Relobralo(alpha=0.5, temperature=1.0), zerokd.Clock(steps=2, steps_per_epoch=1)
        >>> labels, rows = ("task.a", "task.b"), torch.tensor([0, 1])
        >>> weighting.start(labels, clock)
        >>> for step, values in enumerate([[1.0, 1.0], [0.5, 1.0]]):
        ...     terms = zerokd.TermValues(labels, rows, torch.tensor(values), torch.ones(2), step, clock)
        ...     print(weighting.factors(torch.eye(2), terms))
        tensor([1., 1.])
        tensor([0.8775, 1.1225])
    """

    nonnegative_values = True
    balance: Tensor
    first_value: Tensor
    last_value: Tensor
    is_seen: Tensor

    class Config(zerokd.Config):
        alpha: float = Field(0.999, ge=0.0, lt=1.0, description="share of the factor that the last step leaves")
        rho: float = Field(0.999, ge=0.0, le=1.0, description="probability of no lookback to the first values")
        temperature: float = Field(0.1, ge=1e-3, le=1e3, description="T: the larger, the closer factors are to 1")
        seed: int = Field(0, ge=0, lt=2**31, description="seed of the random lookbacks")

    def start(self, labels: Sequence[str], clock: Clock) -> None:
        self.register_buffer("balance", torch.ones(len(labels)))
        for name in ("first_value", "last_value"):
            self.register_buffer(name, torch.zeros(len(labels)))
        self.register_buffer("is_seen", torch.zeros(len(labels), dtype=torch.bool))

    def factors(self, gradients: Tensor, terms: TermValues) -> Tensor:
        positions, values = terms.positions, terms.values.clamp_min(0.0)
        is_seen, balance = self.is_seen[positions], self.balance[positions]
        first = self.first_value[positions].where(is_seen, values)
        last = self.last_value[positions].where(is_seen, values)
        alpha = self.config.alpha
        history = self._relative_balance(values, first) if self._looks_back(terms.step) else balance
        updated = alpha * history + (1 - alpha) * self._relative_balance(values, last)
        factors = updated.where(is_seen, balance)
        self.balance[positions], self.first_value[positions], self.last_value[positions] = factors, first, values
        self.is_seen[positions] = True
        return factors

    def _relative_balance(self, values: Tensor, earlier: Tensor) -> Tensor:
        ratios = values / (self.config.temperature * earlier.clamp_min(TINY))
        return len(values) * torch.softmax(ratios, dim=0)

    def _looks_back(self, step: int) -> bool:
        digest = hashlib.sha256(f"{self.config.seed}:{step}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >= self.config.rho * 2**64
