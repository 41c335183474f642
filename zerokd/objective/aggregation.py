"""The gradient that the student follows in place of the sum: made of the gradients of its stage's terms."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from zerokd.errors import PluginError, Problem
from zerokd.plugin.aside import preserve_global_state
from zerokd.plugin.blame import attribute_errors
from zerokd.plugin.contracts import Aggregator


def aggregate_gradients(aggregator: Aggregator, name: str, gradients: Mapping[str, Tensor]) -> Tensor:
    """One gradient (P,) of those of a step's terms, which may hold whatever they hold: an aggregator is not asked about
    numbers that are not finite, and their sum, which is not finite either, is returned.

    Raises:
        PluginError: the aggregator failed, or returned no tensor of that shape and type.
    """
    rows = torch.stack(list(gradients.values()))
    total = rows.sum(dim=0)
    if not torch.isfinite(total).all():
        return total
    with attribute_errors(f"aggregator {name!r}"):
        made = aggregator(rows)
    wanted = _describe_value(total)
    if _describe_value(made) != wanted:
        raise PluginError(
            Problem(
                f"aggregator {name!r} must return {wanted} for {_describe_value(rows)}, got {_describe_value(made)}"
            )
        )
    return made.detach()


def describe_aggregator(aggregator: Aggregator, name: str, gradients: Mapping[str, Tensor]) -> str:
    """How far from the sum an aggregator leads on the gradients of a stage's first images; nothing of it changes.

    Raises:
        PluginError: it cannot be used.
    """
    with preserve_global_state():
        with attribute_errors(f"a copy of aggregator {name!r}"):
            trial = copy.deepcopy(aggregator).to(next(iter(gradients.values())).device)
        made = aggregate_gradients(trial, name, {label: one.clone() for label, one in gradients.items()})
    if not torch.isfinite(made).all():
        raise PluginError(Problem(f"aggregator {name!r} makes a gradient that is not finite of finite ones"))
    made, total = made.cpu().double(), torch.stack(list(gradients.values())).cpu().double().sum(dim=0)
    cosine = torch.nn.functional.cosine_similarity(made, total, dim=0).item()
    return (
        f"aggregator {name!r} combines the terms' gradients in place of their sum: "
        f"cosine {cosine:.2f} with it, {made.norm() / total.norm():.3g} times as long"
    )


def _describe_value(value: object) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
