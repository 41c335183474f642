"""What a student is worth, on images that are held out from training, or on training ones where none are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from zerokd.errors import Problem
from zerokd.measure.student_metrics import Gauge
from zerokd.metrics.psnr import psnr
from zerokd.objective.models import TRAINED
from zerokd.objective.term import Measure
from zerokd.plugin.blame import blame
from zerokd.plugin.contracts import Data
from zerokd.recipe.build.components import Components
from zerokd.training.batches import to_float

REFERENCE = "reference"
AT_ONCE = 4  # images that are measured at a time


@torch.no_grad()
def enhanced(components: Components, low: Tensor) -> dict[str, Tensor]:
    """What every model, frozen ones first, makes of the same images."""
    owners = sorted(components.models, key=lambda owner: owner == TRAINED)
    return {owner: components.models[owner].eval()(low)["enhanced"] for owner in owners}


def fidelity(components: Components, images: Tensor) -> dict[str, float]:
    """PSNR in dB to each frozen model, of the student and, to compare, of the input."""
    sums: dict[str, float] = {}
    for low in images.split(AT_ONCE):
        outputs = enhanced(components, low)
        pairs = {"student": outputs.pop(TRAINED), "input": low}
        for owner, target in outputs.items():
            for name, image in pairs.items():
                key = f"{name} to {owner}"
                sums[key] = sums.get(key, 0.0) + float(psnr(image, target).mean()) * len(low)
    return {key: round(total / len(images), 2) for key, total in sums.items()}


def unreferenced(measures: Sequence[Measure], data: Data, indices: Sequence[int]) -> Iterator[Problem]:
    """The metrics that read a well-lit version which the data source does not know of every image, or gives wrongly."""
    for measure in measures:
        ports = [port for port, signal in measure.on.items() if signal == REFERENCE]
        for index in indices if ports else ():
            with blame("the reference of the data source"):
                image = data.reference(index)
            if image is None:
                text = f"{measure.label}: port {ports[0]!r} reads {REFERENCE!r}, and the data source knows none"
                hint = "use data whose well-lit version is known, such as dead_leaves, or bind another signal"
                yield Problem(f"{text} of {data.name(index)!r}", measure.places[ports[0]], (hint,))
                break
            got = f"{image.dtype} {tuple(image.shape)}" if isinstance(image, Tensor) else type(image).__name__
            wanted = f"torch.uint8 {(3, data.config.size, data.config.size)}"
            if got != wanted:
                text = f"{measure.label}: the data source must give a {REFERENCE} {wanted}, got {got}"
                yield Problem(text, measure.places[ports[0]])
                break


def inputs(
    measures: Sequence[Measure], data: Data, indices: Sequence[int], device: torch.device
) -> list[dict[str, Tensor]]:
    """The images that metrics are measured on, a few at a time, with their references where some metric reads them."""
    referenced = any(REFERENCE in measure.on.values() for measure in measures)
    found = []
    for start in range(0, len(indices), AT_ONCE):
        part = indices[start : start + AT_ONCE]
        images = {"low": to_float([data[index] for index in part], device)}
        references = [image for index in part if (image := data.reference(index)) is not None] if referenced else []
        found.append(images | ({REFERENCE: to_float(references, device)} if references else {}))
    return found


def unmeasured(gauge: Gauge, components: Components, indices: Sequence[int], device: torch.device) -> list[Problem]:
    """Why metrics cannot be measured: no reference, or tensors that their ports do not take."""
    if not gauge.measures:
        return []
    data = components.data
    found = list(unreferenced(gauge.measures, data, indices))
    return found or gauge.misfits(inputs(gauge.measures, data, indices[:1], device)[0])


def told(measures: Sequence[Measure], stages: Mapping[str, Mapping[str, Any]], measured_on: str) -> dict[str, Any]:
    """Every metric for the manifest. ``stages`` are its readings in order, of the untrained student first; its value is
    the last of them."""
    found = {}
    for measure in measures:
        readings = {stage: each[measure.name] for stage, each in stages.items()}
        last = list(readings.values())[-1]
        metric = measure.metric
        about = {"use": measure.use, "on": measure.on, "unit": metric.unit, "better": metric.better}
        about |= {"measured_on": measured_on, "images": last["images"], "value": last["value"]}
        about["stages"] = {stage: one["value"] for stage, one in readings.items()}
        faults = {stage: one["fault"] for stage, one in readings.items() if one["fault"]}
        found[measure.name] = about | ({"failed": faults} if faults else {})
    return found
