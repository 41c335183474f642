"""What a student is worth, on images that are held out from training, or on training ones where none are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from zerokd.errors import Problem
from zerokd.measure.student_metrics import MetricEvaluator
from zerokd.metrics.psnr import psnr
from zerokd.objective.models import STUDENT
from zerokd.objective.term import BoundMetric
from zerokd.plugin.blame import attribute_errors
from zerokd.plugin.contracts import Data
from zerokd.recipe.build.components import Components
from zerokd.training.batches import to_float_batch

REFERENCE_SIGNAL = "reference"
METRIC_BATCH_SIZE = 4  # images that are measured at a time


@torch.no_grad()
def enhance_with_models(components: Components, low: Tensor) -> dict[str, Tensor]:
    """What every model, frozen ones first, makes of the same images."""
    owners = sorted(components.models, key=lambda owner: owner == STUDENT)
    return {owner: components.models[owner].eval()(low)["enhanced"] for owner in owners}


def measure_fidelity(components: Components, images: Tensor) -> dict[str, float]:
    """PSNR in dB to each frozen model, of the student and, to compare, of the input."""
    sums: dict[str, float] = {}
    for low in images.split(METRIC_BATCH_SIZE):
        outputs = enhance_with_models(components, low)
        pairs = {"student": outputs.pop(STUDENT), "input": low}
        for owner, target in outputs.items():
            for name, image in pairs.items():
                key = f"{name} to {owner}"
                sums[key] = sums.get(key, 0.0) + float(psnr(image, target).mean()) * len(low)
    return {key: round(total / len(images), 2) for key, total in sums.items()}


def find_missing_references(metrics: Sequence[BoundMetric], data: Data, indices: Sequence[int]) -> Iterator[Problem]:
    """The metrics that read a well-lit version which the data source does not know of every image, or gives wrongly."""
    for measure in metrics:
        ports = [port for port, signal in measure.bindings.items() if signal == REFERENCE_SIGNAL]
        for index in indices if ports else ():
            with attribute_errors("the reference of the data source"):
                image = data.reference(index)
            if image is None:
                text = f"{measure.label}: port {ports[0]!r} reads {REFERENCE_SIGNAL!r}, and the data source knows none"
                hint = "use data whose well-lit version is known, such as dead_leaves, or bind another signal"
                yield Problem(f"{text} of {data.name(index)!r}", measure.port_places[ports[0]], (hint,))
                break
            got = f"{image.dtype} {tuple(image.shape)}" if isinstance(image, Tensor) else type(image).__name__
            wanted = f"torch.uint8 {(3, data.config.size, data.config.size)}"
            if got != wanted:
                text = f"{measure.label}: the data source must give a {REFERENCE_SIGNAL} {wanted}, got {got}"
                yield Problem(text, measure.port_places[ports[0]])
                break


def load_metric_batches(
    metrics: Sequence[BoundMetric], data: Data, indices: Sequence[int], device: torch.device
) -> list[dict[str, Tensor]]:
    """The images that metrics are measured on, a few at a time, with their references where some metric reads them."""
    referenced = any(REFERENCE_SIGNAL in measure.bindings.values() for measure in metrics)
    found = []
    for start in range(0, len(indices), METRIC_BATCH_SIZE):
        part = indices[start : start + METRIC_BATCH_SIZE]
        images = {"low": to_float_batch([data[index] for index in part], device)}
        references = [image for index in part if (image := data.reference(index)) is not None] if referenced else []
        found.append(images | ({REFERENCE_SIGNAL: to_float_batch(references, device)} if references else {}))
    return found


def find_metric_problems(
    metric_evaluator: MetricEvaluator, components: Components, indices: Sequence[int], device: torch.device
) -> list[Problem]:
    """Why metrics cannot be measured: no reference, or tensors that their ports do not take."""
    if not metric_evaluator.metrics:
        return []
    data = components.data
    found = list(find_missing_references(metric_evaluator.metrics, data, indices))
    return found or metric_evaluator.find_port_problems(
        load_metric_batches(metric_evaluator.metrics, data, indices[:1], device)[0]
    )


def metrics_record(
    metrics: Sequence[BoundMetric], stages: Mapping[str, Mapping[str, Any]], measured_on: str
) -> dict[str, Any]:
    """Every metric for the manifest. ``stages`` are its readings in order, of the untrained student first; its value is
    the last of them."""
    found = {}
    for measure in metrics:
        readings = {stage: each[measure.name] for stage, each in stages.items()}
        last = list(readings.values())[-1]
        metric = measure.metric
        about = {"use": measure.use, "on": measure.bindings, "unit": metric.unit, "better": metric.better}
        about |= {"measured_on": measured_on, "images": last["images"], "value": last["value"]}
        about["stages"] = {stage: one["value"] for stage, one in readings.items()}
        errors = {stage: one["fault"] for stage, one in readings.items() if one["fault"]}
        found[measure.name] = about | ({"failed": errors} if errors else {})
    return found
