"""The gradient that the student follows in place of the sum: made of the gradients of its stage's terms."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from zerokd.errors import PluginError, Problem
from zerokd.plugin.aside import aside
from zerokd.plugin.blame import blame
from zerokd.plugin.contracts import Aggregator


def aggregated(aggregator: Aggregator, name: str, gradients: Mapping[str, Tensor]) -> Tensor:
    """One gradient (P,) of those of a step's terms, which may hold whatever they hold: an aggregator is not asked about
    numbers that are not finite, and their sum, which is not finite either, is returned.

    Raises:
        PluginError: the aggregator failed, or returned no tensor of that shape and type.
    """
    rows = torch.stack(list(gradients.values()))
    total = rows.sum(dim=0)
    if not torch.isfinite(total).all():
        return total
    with blame(f"aggregator {name!r}"):
        made = aggregator(rows)
    wanted = _told(total)
    if _told(made) != wanted:
        raise PluginError(Problem(f"aggregator {name!r} must return {wanted} for {_told(rows)}, got {_told(made)}"))
    return made.detach()


def tried(aggregator: Aggregator, name: str, gradients: Mapping[str, Tensor]) -> str:
    """How far from the sum an aggregator leads on the gradients of a stage's first images; nothing of it changes.

    Raises:
        PluginError: it cannot be used.
    """
    with aside():
        with blame(f"a copy of aggregator {name!r}"):
            trial = copy.deepcopy(aggregator).to(next(iter(gradients.values())).device)
        made = aggregated(trial, name, {label: one.clone() for label, one in gradients.items()})
    if not torch.isfinite(made).all():
        raise PluginError(Problem(f"aggregator {name!r} makes a gradient that is not finite of finite ones"))
    made, total = made.cpu().double(), torch.stack(list(gradients.values())).cpu().double().sum(dim=0)
    cosine = torch.nn.functional.cosine_similarity(made, total, dim=0).item()
    return (
        f"aggregator {name!r} combines the terms' gradients in place of their sum: "
        f"cosine {cosine:.2f} with it, {made.norm() / total.norm():.3g} times as long"
    )


def _told(value: object) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
