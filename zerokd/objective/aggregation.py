"""The gradient that the student follows in place of the sum, combined from the gradients of its stage's terms."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from zerokd.errors import PluginError, Problem
from zerokd.plugin.contracts import Aggregator
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.global_state import preserve_global_state


def aggregate_gradients(aggregator: Aggregator, name: str, gradients: Mapping[str, Tensor]) -> Tensor:
    """Combine the gradients of a step's terms, (P,) each, into one (P,).

    Where one of them is not finite the aggregator does not run: their sum is returned, which is not finite either.

    Raises:
        PluginError: the aggregator failed, or returned no tensor of that shape and type.
    """
    rows = torch.stack(list(gradients.values()))
    total = rows.sum(dim=0)
    if not torch.isfinite(total).all():
        return total
    with attribute_errors(f"aggregator {name!r}"):
        combined = aggregator(rows)
    expected = _describe_value(total)
    if _describe_value(combined) != expected:
        text = f"aggregator {name!r} must return {expected} for {_describe_value(rows)}"
        raise PluginError(Problem(f"{text}, got {_describe_value(combined)}"))
    return combined.detach()


def describe_aggregator(aggregator: Aggregator, name: str, gradients: Mapping[str, Tensor]) -> str:
    """How far an aggregator leads from the sum of these gradients; a copy of it runs.

    Raises:
        PluginError: the aggregator cannot be used.
    """
    with preserve_global_state():
        with attribute_errors(f"a copy of aggregator {name!r}"):
            trial = copy.deepcopy(aggregator).to(next(iter(gradients.values())).device)
        copies = {label: gradient.clone() for label, gradient in gradients.items()}
        combined = aggregate_gradients(trial, name, copies)
    if not torch.isfinite(combined).all():
        raise PluginError(Problem(f"aggregator {name!r} combines finite gradients into one that is not finite"))
    combined, total = combined.cpu().double(), torch.stack(list(gradients.values())).cpu().double().sum(dim=0)
    cosine = torch.nn.functional.cosine_similarity(combined, total, dim=0).item()
    return (
        f"aggregator {name!r} combines the terms' gradients in place of their sum: "
        f"cosine {cosine:.2f} with it, {combined.norm() / total.norm():.3g} times as long"
    )


def _describe_value(value: object) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
