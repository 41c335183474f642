"""What each term of an objective asks of the parameters: its gradient, how large it is, and whom it opposes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from attrs import frozen
from torch import Tensor


def term_gradients(
    weights: Mapping[str, float], values: Mapping[str, Tensor], leaves: Sequence[Tensor]
) -> dict[str, Tensor]:
    """The gradient of each weighed term's contribution at ``leaves``, flat, by label; those of weight 0 are left out.

    ``values`` are an evaluation's. Its graph is kept and no ``.grad`` is touched, so that a step can go on from it.
    """
    found = {}
    for label, weight in weights.items():
        if weight == 0:
            continue
        found[label] = flat_gradient(weight * values[label].mean(), leaves, retain_graph=True)
    return found


def flat_gradient(value: Tensor, leaves: Sequence[Tensor], retain_graph: bool = False) -> Tensor:
    """The gradient of a number at ``leaves``, flat, 0 where none reaches; its graph is kept if asked for."""
    found = torch.autograd.grad(value, leaves, retain_graph=retain_graph, allow_unused=True, materialize_grads=True)
    return _flatten(found)


def gradients_through_intermediates(
    value: Tensor, intermediates: Mapping[str, tuple[Tensor, Tensor]], leaves: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """The gradient of a number at what it is made of, and from there at ``leaves``, each flat.

    ``middle`` holds what the leaves make, and a stand-in of each, a leaf itself, that ``value`` was made of. All graphs
    are kept.
    """
    made, stand_ins = zip(*intermediates.values(), strict=True)
    found = torch.autograd.grad(value, stand_ins, retain_graph=True, allow_unused=True)
    reached = [(one, slope) for one, slope in zip(made, found, strict=True) if slope is not None]
    outputs, slopes = [one for one, _ in reached], [slope for _, slope in reached]
    walked = torch.autograd.grad(outputs, leaves, slopes, retain_graph=True, allow_unused=True, materialize_grads=True)
    return _flatten(slopes), _flatten(walked)


def _flatten(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.reshape(-1) for part in parts])


@frozen
class GradientComparison:
    """Gradients compared: the L2 norm of each, its share of the sum of norms, and the cosine of every pair."""

    labels: tuple[str, ...]
    norms: tuple[float, ...]
    shares: tuple[float, ...]
    cosines: tuple[tuple[float, ...], ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain data; ``labels`` are the rows and columns of ``cosines``."""
        terms = {
            label: {"norm": norm, "share": share}
            for label, norm, share in zip(self.labels, self.norms, self.shares, strict=True)
        }
        return {"terms": terms, "labels": list(self.labels), "cosines": [list(row) for row in self.cosines]}


def compare_gradients(gradients: Mapping[str, Tensor]) -> GradientComparison:
    """Norms, shares and cosines, in double precision; a gradient of 0 has the cosine 0 with all."""
    rows = torch.stack(list(gradients.values())).cpu().double()  # one wait for the device, which may have no float64
    norms = rows.norm(dim=1)
    units = rows / norms.where(norms > 0, 1.0).unsqueeze(1)
    total = norms.sum()
    shares = norms / total.where(total > 0, 1.0)
    cosines = (units @ units.T).clamp(-1.0, 1.0)
    packed = torch.cat([norms, shares, cosines.flatten()]).tolist()
    count = len(rows)
    matrix = [tuple(packed[start : start + count]) for start in range(2 * count, len(packed), count)]
    return GradientComparison(tuple(gradients), tuple(packed[:count]), tuple(packed[count : 2 * count]), tuple(matrix))
