"""The gradient of each term of an objective at the parameters: its size, its share, and which terms it opposes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from attrs import frozen
from torch import Tensor


def term_gradients(
    weights: Mapping[str, float], values: Mapping[str, Tensor], leaves: Sequence[Tensor]
) -> dict[str, Tensor]:
    """The gradient of each term's contribution at ``leaves``, flat, by label; terms of weight 0 are left out.

    ``values`` come from an :class:`~zerokd.objective.objective.ObjectiveResult`. Their autograd graph stays and no
    ``.grad`` changes, so that a step can continue from it.
    """
    return {
        label: flat_gradient(weight * values[label].mean(), leaves, retain_graph=True)
        for label, weight in weights.items()
        if weight != 0
    }


def flat_gradient(value: Tensor, leaves: Sequence[Tensor], retain_graph: bool = False) -> Tensor:
    """The gradient of a scalar at ``leaves``, flat; 0 where none reaches."""
    gradients = torch.autograd.grad(value, leaves, retain_graph=retain_graph, allow_unused=True, materialize_grads=True)
    return _flatten(gradients)


def gradients_through_intermediates(
    value: Tensor, intermediates: Mapping[str, tuple[Tensor, Tensor]], leaves: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """The gradient of a scalar at intermediate tensors, and from there at ``leaves``, each flat.

    ``intermediates`` holds pairs: a tensor computed from the leaves, and a detached copy of it, from which ``value``
    was computed. All autograd graphs stay.
    """
    computed, copies = zip(*intermediates.values(), strict=True)
    gradients = torch.autograd.grad(value, copies, retain_graph=True, allow_unused=True)
    received = [
        (tensor, gradient) for tensor, gradient in zip(computed, gradients, strict=True) if gradient is not None
    ]
    # the gradient of this sum at a tensor is exactly its second factor; grad_outputs would import sympy, half a second
    products = [(tensor * gradient).sum() for tensor, gradient in received]
    at_leaves = torch.autograd.grad(products, leaves, retain_graph=True, allow_unused=True, materialize_grads=True)
    return _flatten([gradient for _, gradient in received]), _flatten(at_leaves)


def _flatten(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.reshape(-1) for part in parts])


@frozen
class GradientComparison:
    """Several gradients: the L2 norm of each, its share of the sum of norms, and the cosine of every pair."""

    labels: tuple[str, ...]
    norms: tuple[float, ...]
    shares: tuple[float, ...]
    cosines: tuple[tuple[float, ...], ...]

    def as_json(self) -> dict[str, Any]:
        """Plain data; ``labels`` are the rows and columns of ``cosines``."""
        terms = {
            label: {"norm": norm, "share": share}
            for label, norm, share in zip(self.labels, self.norms, self.shares, strict=True)
        }
        return {"terms": terms, "labels": list(self.labels), "cosines": [list(row) for row in self.cosines]}


def compare_gradients(gradients: Mapping[str, Tensor]) -> GradientComparison:
    """Norms, shares and cosines, in double precision; a gradient of 0 has cosine 0 with every other."""
    rows = torch.stack(list(gradients.values())).cpu().double()  # one host synchronisation; the device may lack float64
    norms = rows.norm(dim=1)
    units = rows / norms.where(norms > 0, 1.0).unsqueeze(1)
    total = norms.sum()
    shares = norms / total.where(total > 0, 1.0)
    cosines = (units @ units.T).clamp(-1.0, 1.0)
    packed = torch.cat([norms, shares, cosines.flatten()]).tolist()
    count = len(rows)
    matrix = [tuple(packed[start : start + count]) for start in range(2 * count, len(packed), count)]
    return GradientComparison(tuple(gradients), tuple(packed[:count]), tuple(packed[count : 2 * count]), tuple(matrix))
