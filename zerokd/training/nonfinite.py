"""A step that is not finite: the terms and images that cause it, and a folder that reproduces it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch
from attrs import asdict, frozen
from torch import Tensor, nn

from zerokd.errors import NumericError, Problem, ZerokdError
from zerokd.files.atomic import write_bytes
from zerokd.files.weights import write_weights
from zerokd.objective.objective import Objective
from zerokd.objective.result import ObjectiveResult
from zerokd.objective.stage_plan import StagePlan
from zerokd.plugin.batch import Batch
from zerokd.plugin.error_attribution import attribute_errors

MAX_SHOWN_IMAGES = 4  # images named in one line of a message


@frozen
class NonFiniteValue:
    """A signal or term that is not finite. ``what`` is ``values``, or ``gradient`` at the trained parameters."""

    name: str
    what: str
    images: tuple[str, ...]


@frozen(eq=False)
class NonFiniteStep:
    """A step that was not taken.

    ``values`` holds the terms' values per image. ``signals`` and ``terms`` are those that are not finite, signals in
    the order they are computed; ``note`` explains what neither does.
    """

    stage: str
    step: int
    epoch: int
    batch: Batch
    values: dict[str, list[float]]
    signals: tuple[NonFiniteValue, ...] = ()
    terms: tuple[NonFiniteValue, ...] = ()
    note: str = ""

    def to_problem(self, *extra_hints: str) -> Problem:
        """The problem to report."""
        hints = [
            f"first non-finite signal: {signal.name}, on {_format_image_names(signal.images)}"
            for signal in self.signals[:1]
        ]
        labels_by_cause: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for term in self.terms:
            labels_by_cause.setdefault((term.what, term.images), []).append(term.name)
        hints += [
            f"{what} not finite: {', '.join(labels)}, on {_format_image_names(images)}"
            for (what, images), labels in labels_by_cause.items()
        ]
        text = f"stage {self.stage!r}, step {self.step}: training stopped being finite; no parameter was changed"
        return Problem(text, hints=(*hints, *filter(None, [self.note]), *extra_hints))

    def as_json(self) -> dict[str, Any]:
        """Plain data for ``report.json``. JSON has no NaN and no infinity; they are written as text."""
        return {
            "stage": self.stage,
            "step": self.step,
            "epoch": self.epoch,
            "images": self.batch.names,
            "signals": [asdict(signal) for signal in self.signals],
            "terms": [asdict(term) for term in self.terms],
            "note": self.note,
            "values": {
                label: [value if math.isfinite(value) else str(value) for value in values]
                for label, values in self.values.items()
            },
        }


class NotFiniteError(NumericError):
    """Training stopped at a step that is not finite, which ``failure`` describes."""

    failure: NonFiniteStep

    @classmethod
    def from_step(cls, failure: NonFiniteStep) -> Self:
        """The error that reports this step."""
        error = cls(failure.to_problem())
        error.failure = failure
        return error


def diagnose_nonfinite(
    stage: StagePlan, objective: Objective, batch: Batch, step: int, result: ObjectiveResult, student: nn.Module
) -> NonFiniteStep:
    """Find the signals and terms that are not finite by computing the step of ``result`` again.

    Parameters, buffers, stored gradients and the global random generator stay as they are.
    """
    labels = [label for label in result.values if label not in objective.monitored_labels]
    values = {label: value.detach() for label, value in result.values.items()}
    terms = list(_find_nonfinite_values({label: values[label] for label in labels}, batch.names))
    signals: list[NonFiniteValue] = []
    note = ""
    buffers = [*student.buffers(), *objective.buffers()]
    buffer_values = [buffer.clone() for buffer in buffers]
    try:
        with torch.random.fork_rng(devices=[]), attribute_errors("computing the step again"):
            inputs = stage.plugin.inputs(batch)
            tensors = objective.graph.compute(inputs, objective.graph.tensors_read_by(labels))
            signals += _find_nonfinite_values(tensors, batch.names)
            terms = terms or list(_find_nonfinite_gradients(objective, inputs, labels, batch.names, student))
    except ZerokdError as error:
        note = error.problems[0].message
    finally:
        restore_buffers(buffers, buffer_values)
    if not terms and not note:
        combined = f"the output of aggregator {stage.aggregator_name!r}" if stage.aggregator else "their weighted sum"
        note = f"every term's value and gradient is finite by itself; {combined}, or its norm, is not"
    values_per_image = {label: value.tolist() for label, value in values.items()}
    return NonFiniteStep(stage.name, step, batch.epoch, batch, values_per_image, tuple(signals), tuple(terms), note)


@torch.no_grad()
def restore_buffers(buffers: Sequence[Tensor], saved_values: Sequence[Tensor]) -> None:
    """Copy saved values back into buffers."""
    for buffer, saved in zip(buffers, saved_values, strict=True):
        buffer.copy_(saved)


@contextmanager
def dump_on_failure(path: Path, networks: Mapping[str, nn.Module], metadata: Mapping[str, Any]) -> Iterator[None]:
    """Turn a :class:`NotFiniteError` into a folder that reproduces it: the batch, the trained ``networks`` by name as
    they were before it, and a report.

    Raises:
        NumericError: training stopped; it names the folder, or why there is none.
    """
    try:
        yield
    except NotFiniteError as error:
        failure = error.failure
        try:
            path.mkdir(exist_ok=True)  # a resumed run may stop here again
            names = {"stage": failure.stage, "step": failure.step, "images": failure.batch.names}
            write_weights(path / "batch.safetensors", dict(failure.batch.tensors), names)
            for name, network in networks.items():
                write_weights(path / f"{name}.safetensors", network.state_dict(), metadata)
            report = json.dumps(failure.as_json(), indent=2) + "\n"
            write_bytes(path / "report.json", report.encode())
            weights = ", ".join(f"{name}.safetensors" for name in networks)
            files = f"report.json, batch.safetensors (this step's images), {weights} (before the step)"
            hint = f"saved to {path}: {files}"
        except OSError as write_error:
            hint = f"nothing could be saved to {path}: {write_error.strerror}"
        raise NumericError(failure.to_problem(hint)) from None


def _find_nonfinite_values(tensors: Mapping[str, Tensor], images: Sequence[str]) -> Iterator[NonFiniteValue]:
    for name, tensor in tensors.items():
        is_bad = ~torch.isfinite(tensor)
        if is_bad.any():
            rows = is_bad.flatten(1).any(1) if is_bad.ndim > 1 else is_bad
            bad_images = [image for image, is_bad_row in zip(images, rows, strict=False) if is_bad_row]
            yield NonFiniteValue(name, "values", tuple(bad_images if len(rows) == len(images) else images))


def _find_nonfinite_gradients(
    objective: Objective, inputs: Mapping[str, Tensor], labels: Sequence[str], images: Sequence[str], student: nn.Module
) -> Iterator[NonFiniteValue]:
    """Terms whose gradient is not finite, and the images that cause it.

    Each image is computed alone: in a batch, one infinite derivative turns the gradients of all images into NaN.
    """
    parameters = [weight for weight in (*student.parameters(), *objective.part_parameters()) if weight.requires_grad]

    def has_nonfinite_gradient(label: str, part: Mapping[str, Tensor]) -> bool:
        graph = objective.graph
        value = objective.value(label, graph.compute(part, graph.tensors_read_by([label]))).mean()
        gradients = torch.autograd.grad(value, parameters, allow_unused=True)
        return not all(torch.isfinite(gradient).all() for gradient in gradients if gradient is not None)

    for label in labels:
        if has_nonfinite_gradient(label, inputs):
            rows = [{name: tensor[row : row + 1] for name, tensor in inputs.items()} for row in range(len(images))]
            causes = [image for image, part in zip(images, rows, strict=True) if has_nonfinite_gradient(label, part)]
            yield NonFiniteValue(label, "gradient", tuple(causes or images))


def _format_image_names(images: Sequence[str]) -> str:
    more = f" and {len(images) - MAX_SHOWN_IMAGES} more" if len(images) > MAX_SHOWN_IMAGES else ""
    return ", ".join(images[:MAX_SHOWN_IMAGES]) + more
