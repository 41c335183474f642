"""A step that is not finite: which term and image made it so, and what is left to look at it again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from attrs import asdict, frozen
from torch import Tensor, nn

from zerokd.errors import NumericError, Problem, ZerokdError
from zerokd.files.weights import write_weights
from zerokd.objective.objective import Objective, ObjectiveResult
from zerokd.objective.stage_plan import StagePlan
from zerokd.plugin.blame import attribute_errors
from zerokd.training.batches import Batch

MAX_SHOWN_IMAGES = 4  # images that a line of the message names


@frozen
class NonFiniteValue:
    """What is not finite: the ``values`` of a signal or term, or the ``gradient`` of a term at what is trained."""

    name: str
    what: str
    images: tuple[str, ...]


@frozen(eq=False)
class NonFiniteStep:
    """One step that was not taken. ``values`` are the terms' values per image; ``signals`` and ``terms`` are those that
    are not finite, signals in the order they are computed; ``note`` is what else there is to say."""

    stage: str
    step: int
    epoch: int
    batch: Batch
    values: dict[str, list[float]]
    signals: tuple[NonFiniteValue, ...] = ()
    terms: tuple[NonFiniteValue, ...] = ()
    note: str = ""

    def to_problem(self, *extra_hints: str) -> Problem:
        """The same for a person."""
        hints = [
            f"the first signal that is not finite: {signal.name}, on {_format_image_names(signal.images)}"
            for signal in self.signals[:1]
        ]
        alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for term in self.terms:
            alike.setdefault((term.what, term.images), []).append(term.name)
        hints += [
            f"{what} not finite: {', '.join(same)}, on {_format_image_names(images)}"
            for (what, images), same in alike.items()
        ]
        text = f"stage {self.stage!r}, step {self.step}: training stopped being finite; no parameter was changed"
        return Problem(text, hints=(*hints, *filter(None, [self.note]), *extra_hints))

    def as_json(self) -> dict[str, Any]:
        """The same as plain data. JSON has no NaN and no infinity; they are written as text."""
        values = {
            label: [value if math.isfinite(value) else str(value) for value in each]
            for label, each in self.values.items()
        }
        found = {"signals": [asdict(signal) for signal in self.signals], "terms": [asdict(term) for term in self.terms]}
        where = {"stage": self.stage, "step": self.step, "epoch": self.epoch, "images": self.batch.names}
        return where | found | {"note": self.note, "values": values}


class NotFiniteError(NumericError):
    """Training stopped at a step that is not finite; ``failure`` is what is known of it."""

    def __init__(self, failure: NonFiniteStep):
        super().__init__(failure.to_problem())
        self.failure = failure


def diagnose_nonfinite(
    stage: StagePlan, objective: Objective, batch: Batch, step: int, evaluation: ObjectiveResult, student: nn.Module
) -> NonFiniteStep:
    """Find out what is not finite by computing a step's ``evaluation`` again.

    Parameters, buffers, stored gradients and the global random generator stay as they are.
    """
    labels = [label for label in evaluation.values if label not in objective.monitored_labels]
    values = {label: each.detach() for label, each in evaluation.values.items()}
    terms = list(_find_nonfinite_values({label: values[label] for label in labels}, batch.names))
    signals: list[NonFiniteValue] = []
    note = ""
    buffers = [*student.buffers(), *objective.buffers()]
    kept = [buffer.clone() for buffer in buffers]
    try:
        with torch.random.fork_rng(devices=[]), attribute_errors("computing the step again"):
            inputs = stage.plugin.inputs(batch.low)
            signals += _find_nonfinite_values(
                objective.graph.compute(inputs, objective.graph.tensors_read_by(labels)), batch.names
            )
            terms = terms or list(_find_nonfinite_gradients(objective, inputs, labels, batch.names, student))
    except ZerokdError as error:
        note = error.problems[0].message
    finally:
        restore_buffers(buffers, kept)
    if not terms and not note:
        made = f"what aggregator {stage.aggregator_name!r} makes of them" if stage.aggregator else "their weighted sum"
        note = f"every term's value and gradient is finite by itself; {made}, or its norm, is not"
    shown = {label: each.tolist() for label, each in values.items()}
    return NonFiniteStep(stage.name, step, batch.epoch, batch, shown, tuple(signals), tuple(terms), note)


@torch.no_grad()
def restore_buffers(buffers: Sequence[Tensor], saved_values: Sequence[Tensor]) -> None:
    """Give buffers the values they had."""
    for buffer, before in zip(buffers, saved_values, strict=True):
        buffer.copy_(before)


@contextmanager
def dump_on_failure(path: Path, student: nn.Module, metadata: Mapping[str, Any]) -> Iterator[None]:
    """Leave a folder that explains a step that is not finite: its batch, the student before it, and a report.

    Raises:
        NumericError: training stopped; it says where the folder is, or why there is none.
    """
    try:
        yield
    except NotFiniteError as stopped:
        failure = stopped.failure
        try:
            path.mkdir(exist_ok=True)  # a run that went on may stop here again
            names = {"stage": failure.stage, "step": failure.step, "images": failure.batch.names}
            write_weights(path / "batch.safetensors", {"low": failure.batch.low}, names)
            write_weights(path / "student.safetensors", student.state_dict(), metadata)
            (path / "report.json").write_text(json.dumps(failure.as_json(), indent=2) + "\n", encoding="utf-8")
            left = (
                f"kept in {path}: report.json, batch.safetensors (this step's images), student.safetensors (before it)"
            )
        except OSError as error:
            left = f"nothing could be kept in {path}: {error.strerror}"
        raise NumericError(failure.to_problem(left)) from None


def _find_nonfinite_values(tensors: Mapping[str, Tensor], images: Sequence[str]) -> Iterator[NonFiniteValue]:
    for name, tensor in tensors.items():
        bad = ~torch.isfinite(tensor)
        if bad.any():
            each = bad.flatten(1).any(1) if bad.ndim > 1 else bad
            told = (
                [image for image, one in zip(images, each, strict=True) if one] if len(each) == len(images) else images
            )
            yield NonFiniteValue(name, "values", tuple(told))


def _find_nonfinite_gradients(
    objective: Objective, inputs: Mapping[str, Tensor], labels: Sequence[str], images: Sequence[str], student: nn.Module
) -> Iterator[NonFiniteValue]:
    """Terms whose gradient is not finite, and the images on which it is so.

    Each image is computed alone: in a batch, one infinite slope makes the gradients of the others' values NaN too.
    """
    trained = [one for one in (*student.parameters(), *objective.parameters()) if one.requires_grad]

    def is_steep(label: str, part: Mapping[str, Tensor]) -> bool:
        graph = objective.graph
        value = objective.value(label, graph.compute(part, graph.tensors_read_by([label]))).mean()
        gradients = torch.autograd.grad(value, trained, allow_unused=True)
        return not all(torch.isfinite(gradient).all() for gradient in gradients if gradient is not None)

    for label in labels:
        if is_steep(label, inputs):
            alone = [{name: tensor[row : row + 1] for name, tensor in inputs.items()} for row in range(len(images))]
            guilty = [image for image, part in zip(images, alone, strict=True) if is_steep(label, part)]
            yield NonFiniteValue(label, "gradient", tuple(guilty or images))


def _format_image_names(images: Sequence[str]) -> str:
    more = f" and {len(images) - MAX_SHOWN_IMAGES} more" if len(images) > MAX_SHOWN_IMAGES else ""
    return ", ".join(images[:MAX_SHOWN_IMAGES]) + more
