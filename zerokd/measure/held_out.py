"""How good a student is on held-out images, or on training images if none are held out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

import torch
from torch import Tensor

from zerokd.errors import Problem
from zerokd.measure.student_metrics import MetricEvaluator, MetricRecord
from zerokd.metrics.psnr import psnr
from zerokd.objective.models import STUDENT
from zerokd.objective.term import BoundMetric
from zerokd.plugin.contracts import Data
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.recipe.build.components import Components
from zerokd.training.batches import to_float_batch

REFERENCE_SIGNAL = "reference"
METRIC_BATCH_SIZE = 4  # images measured together


class MetricReport(TypedDict, total=False):
    """A metric in the manifest: declaration, ``value`` of the last stage, and value or error of every stage."""

    use: str
    on: dict[str, str]
    unit: str
    better: str
    measured_on: str
    images: int
    value: float | None
    stages: dict[str, float | None]
    failed: dict[str, str]


@torch.no_grad()
def enhance_with_models(components: Components, low: Tensor) -> dict[str, Tensor]:
    """The ``enhanced`` image of every model for images (N, 3, H, W); frozen models come first."""
    owners = sorted(components.models, key=lambda owner: owner == STUDENT)
    return {owner: components.models[owner].eval()(low)["enhanced"] for owner in owners}


def measure_fidelity(components: Components, images: Tensor) -> dict[str, float]:
    """PSNR in dB to each frozen model, of the student and, for comparison, of the input, where they have its shape."""
    sums: dict[str, float] = {}
    for low in images.split(METRIC_BATCH_SIZE):
        outputs = enhance_with_models(components, low)
        candidates = {"student": outputs.pop(STUDENT), "input": low}
        for owner, target in outputs.items():
            for name, image in candidates.items():
                if image.shape != target.shape:
                    continue
                key = f"{name} to {owner}"
                sums[key] = sums.get(key, 0.0) + float(psnr(image, target).mean()) * len(low)
    return {key: round(total / len(images), 2) for key, total in sums.items()}


def find_missing_references(metrics: Sequence[BoundMetric], data: Data, indices: Sequence[int]) -> Iterator[Problem]:
    """A problem for each metric that reads a reference which the data source lacks or returns in a wrong form."""
    expected = f"torch.uint8 {(3, data.config.size, data.config.size)}"
    for bound in metrics:
        ports = [port for port, signal in bound.bindings.items() if signal == REFERENCE_SIGNAL]
        for index in indices if ports else ():
            with attribute_errors("the reference of the data source"):
                image = data.reference(index)
            if image is None:
                text = f"{bound.label}: port {ports[0]!r} reads {REFERENCE_SIGNAL!r}, and the data source has none"
                hint = "use a data source with well-lit references, such as dead_leaves, or bind another signal"
                yield Problem(f"{text} of {data.name(index)!r}", bound.port_places[ports[0]], (hint,))
                break
            got = f"{image.dtype} {tuple(image.shape)}" if isinstance(image, Tensor) else type(image).__name__
            if got != expected:
                text = f"{bound.label}: the data source must return a {REFERENCE_SIGNAL} {expected}, got {got}"
                yield Problem(text, bound.port_places[ports[0]])
                break


def load_metric_batches(
    metrics: Sequence[BoundMetric], data: Data, indices: Sequence[int], device: torch.device
) -> list[dict[str, Tensor]]:
    """Batches of the images that metrics are measured on, with references if a metric reads them."""
    reads_references = any(REFERENCE_SIGNAL in bound.bindings.values() for bound in metrics)
    batches = []
    for start in range(0, len(indices), METRIC_BATCH_SIZE):
        rows = indices[start : start + METRIC_BATCH_SIZE]
        batch = {"low": to_float_batch([data[index] for index in rows], device)}
        references = (
            [image for index in rows if (image := data.reference(index)) is not None] if reads_references else []
        )
        if references:
            batch[REFERENCE_SIGNAL] = to_float_batch(references, device)
        batches.append(batch)
    return batches


def find_metric_problems(
    metric_evaluator: MetricEvaluator, components: Components, indices: Sequence[int], device: torch.device
) -> list[Problem]:
    """Why metrics cannot be measured: missing references, or tensors that do not match their ports."""
    metrics, data = metric_evaluator.metrics, components.data
    if not metrics:
        return []
    missing = list(find_missing_references(metrics, data, indices))
    return missing or metric_evaluator.find_port_problems(load_metric_batches(metrics, data, indices[:1], device)[0])


def metrics_record(
    metrics: Sequence[BoundMetric], stages: Mapping[str, Mapping[str, MetricRecord]], measured_on: str
) -> dict[str, MetricReport]:
    """Every metric for the manifest. ``stages`` holds results by stage and metric, in the order of the run; a metric's
    value is that of the last stage."""
    reports: dict[str, MetricReport] = {}
    for bound in metrics:
        results = {stage: records[bound.name] for stage, records in stages.items()}
        last = list(results.values())[-1]
        report: MetricReport = {
            "use": bound.use,
            "on": bound.bindings,
            "unit": bound.metric.unit,
            "better": bound.metric.better,
            "measured_on": measured_on,
            "images": last["images"],
            "value": last["value"],
            "stages": {stage: record["value"] for stage, record in results.items()},
        }
        errors = {stage: record["fault"] for stage, record in results.items() if record["fault"]}
        reports[bound.name] = report | {"failed": errors} if errors else report
    return reports
