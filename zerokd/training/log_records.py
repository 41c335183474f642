"""The lines of ``metrics.jsonl``, as they are written and read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NotRequired, cast

from pydantic import AfterValidator
from typing_extensions import TypedDict

from zerokd.errors import Problem, RunFolderError
from zerokd.files.record import check_record, parse_json
from zerokd.files.regular import read_regular


def check_encodable(text: str) -> str:
    """The text itself, if it has no lone surrogates, which no file or page can hold."""
    text.encode()
    return text


Text = Annotated[str, AfterValidator(check_encodable)]


class TermNumbers(TypedDict):
    """A term's raw value (mean over a batch or an epoch; null: not computed), its weight, and its contribution.

    ``factor`` is what an aggregator multiplied the gradient of the contribution by; terms of other stages lack the key.
    ``monitored`` (true) marks a term that does not train; others lack the key.
    """

    value: float | None
    weight: float
    contribution: float
    factor: NotRequired[float]
    monitored: NotRequired[bool]


class StepLine(TypedDict):
    """A step, counted from 1; ``gradient_norm`` is from before clipping."""

    kind: str
    stage: str
    epoch: int
    step: int
    total: float
    learning_rate: float
    gradient_norm: float
    terms: dict[str, TermNumbers]


class LoggedTerm(TypedDict):
    """A term in a file, where null stands for numbers that were not finite; gradients have ``norm`` and ``share``."""

    value: NotRequired[float | None]
    weight: NotRequired[float | None]
    contribution: NotRequired[float | None]
    factor: NotRequired[float | None]
    norm: NotRequired[float | None]
    share: NotRequired[float | None]
    monitored: NotRequired[bool]


class LogLine(TypedDict):
    """Any line of a file."""

    kind: Text
    stage: Text


class LoggedEpoch(LogLine):
    """The means of an epoch, counted from 0."""

    epoch: int
    total: float | None
    terms: dict[Text, LoggedTerm]


class LoggedStep(LoggedEpoch):
    """A step."""

    step: int
    learning_rate: float | None
    gradient_norm: float | None


class LoggedGradients(LogLine):
    """The terms' gradients at a step; ``labels`` are the rows and columns of ``cosines``."""

    step: int
    terms: dict[Text, LoggedTerm]
    labels: list[Text]
    cosines: list[list[float | None]]


class LoggedSkip(LogLine):
    """A skipped step."""

    step: int


class LoggedMetric(LogLine):
    """A metric, at a step or, without one, at the end of a stage."""

    name: Text
    value: float | None
    step: NotRequired[int]


LINE_TYPES: dict[str, Any] = {
    "step": LoggedStep,
    "epoch": LoggedEpoch,
    "gradients": LoggedGradients,
    "skipped": LoggedSkip,
    "metric": LoggedMetric,
}


def read_log_lines(path: Path, report_cut_line: Callable[[], object] | None = None) -> Iterator[dict[str, Any]]:
    """The lines of a metrics file.

    ``report_cut_line`` is called for a last line without an end: a run is still writing it, or was killed. Without it,
    such a line is damaged.

    Raises:
        RunFolderError: the file cannot be read, or a line is not as zerokd writes it.
    """
    try:
        lines = read_regular(path).split(b"\n")
    except OSError as error:
        raise RunFolderError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    for number, line in enumerate(lines, 1):
        try:
            if line.strip():
                yield _parse_line(line)
        except ValueError as error:
            if report_cut_line and number == len(lines) and not line.rstrip().endswith(b"}"):
                report_cut_line()
                return
            text = f"{str(path)!r} is damaged: line {number}: {error}"
            hint = "the file was changed after it was written: restore it, or start a new run"
            raise RunFolderError(Problem(text, hints=(hint,))) from error


def _parse_line(text: bytes) -> dict[str, Any]:
    line = parse_json(text)
    kind = line.get("kind") if isinstance(line, dict) else None
    return cast(dict[str, Any], check_record(LINE_TYPES.get(kind, LogLine) if isinstance(kind, str) else LogLine, line))
