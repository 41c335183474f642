"""The gradient that the student follows in place of the sum, combined from the gradients of its stage's terms."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from attrs import frozen
from torch import Tensor

from zerokd.errors import PluginError, Problem
from zerokd.objective.result import to_tensor_like
from zerokd.objective.stage_plan import StagePlan
from zerokd.plugin.contracts import Aggregator, TermValues, Weighting
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.global_state import preserve_global_state
from zerokd.text import format_number


@frozen(eq=False)
class AggregatedGradient:
    """A step's gradient, (P,). ``factors`` are those of its T terms, (T,); None: it is no plain product with them."""

    gradient: Tensor
    factors: Tensor | None = None


def collect_term_values(
    stage: StagePlan,
    gradients: Mapping[str, Tensor],
    means: Mapping[str, Tensor] | Mapping[str, float],
    weights: Mapping[str, float],
    step: int,
) -> TermValues:
    """What an aggregator may read of the terms that have ``gradients``. ``means`` are their values over the batch, ();
    like ``weights``, they may hold more labels."""
    labels = tuple(gradients)
    like = next(iter(gradients.values()))
    positions = {label: index for index, label in enumerate(stage.trained_labels)}
    return TermValues(
        labels=labels,
        positions=torch.tensor([positions[label] for label in labels], device=like.device),
        values=torch.stack([torch.as_tensor(means[label]).to(like) for label in labels]),
        weights=to_tensor_like((weights[label] for label in labels), like),
        step=step,
        clock=stage.clock,
    )


def aggregate_gradients(
    aggregator: Aggregator, name: str, gradients: Mapping[str, Tensor], terms: TermValues | None = None
) -> AggregatedGradient:
    """Combine the gradients of a step's terms, (P,) each, into one (P,). An aggregator that reads ``terms`` needs them.

    Where a gradient or value is not finite the aggregator does not run: the sum is returned, and such a step is not
    taken.

    Raises:
        PluginError: the aggregator failed, or returned no tensor of that shape and type.
    """
    rows = torch.stack(list(gradients.values()))
    total = rows.sum(dim=0)
    observed = total if terms is None else torch.cat([total, terms.values])
    if not torch.isfinite(observed).all():
        return AggregatedGradient(total)
    factors = None
    with attribute_errors(f"aggregator {name!r}"):
        if isinstance(aggregator, Weighting) and terms is not None:
            factors = aggregator.factors(rows, terms)
            _require_like(name, "factors", factors, rows[:, 0], rows)
            combined = factors.detach() @ rows
        else:
            combined = aggregator(rows, terms) if aggregator.reads_terms else aggregator(rows)
    _require_like(name, "", combined, total, rows)
    return AggregatedGradient(combined.detach(), factors)


def describe_aggregator(
    aggregator: Aggregator, name: str, gradients: Mapping[str, Tensor], terms: TermValues | None = None
) -> str:
    """How far an aggregator leads from the sum of these gradients; a copy of it runs.

    Raises:
        PluginError: the aggregator cannot be used.
    """
    with preserve_global_state():
        with attribute_errors(f"a copy of aggregator {name!r}"):
            trial = copy.deepcopy(aggregator).to(next(iter(gradients.values())).device)
        copies = {label: gradient.clone() for label, gradient in gradients.items()}
        aggregated = aggregate_gradients(trial, name, copies, terms)
    combined, factors = aggregated.gradient, aggregated.factors
    if not torch.isfinite(combined).all():
        raise PluginError(Problem(f"aggregator {name!r} combines finite gradients into one that is not finite"))
    if factors is not None and (factors < 0).any():
        raise PluginError(Problem(f"aggregator {name!r} gives a term a negative factor: {factors.tolist()}"))
    combined, total = combined.cpu().double(), torch.stack(list(gradients.values())).cpu().double().sum(dim=0)
    cosine = torch.nn.functional.cosine_similarity(combined, total, dim=0).item()
    length = combined.norm() / total.norm()
    text = f"aggregator {name!r} {describe_effect(aggregator)}"
    if factors is None:
        return f"{text}: cosine {cosine:.2f} with it, {length:.3g} times as long"
    first = _format_factors(list(gradients), factors.tolist())
    return f"{text}, at first {first}: cosine {cosine:.2f} with their sum, {length:.3g} times as long"


def describe_effect(aggregator: Aggregator) -> str:
    """What it does with the terms' gradients, after its name."""
    if isinstance(aggregator, Weighting):
        return "multiplies the terms' gradients by factors"
    return "combines the terms' gradients in place of their sum"


def _format_factors(labels: list[str], factors: list[float]) -> str:
    texts = [format_number(factor, 3) for factor in factors]
    if len({*texts}) == 1:
        return texts[0]
    return ", ".join(f"{text} for {label}" for label, text in zip(labels, texts, strict=True))


def _require_like(name: str, what: str, value: object, like: Tensor, rows: Tensor) -> None:
    expected = _describe_value(like)
    if _describe_value(value) != expected:
        required = " ".join(filter(None, ("must return", what, expected)))
        text = f"aggregator {name!r} {required} for {_describe_value(rows)}, got {_describe_value(value)}"
        raise PluginError(Problem(text))


def _describe_value(value: object) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
