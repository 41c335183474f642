"""The record that a run left in its folder, read back; whatever is missing is listed."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from attrs import define, field
from jinja2 import UndefinedError
from PIL import Image

from zerokd.chart import Line
from zerokd.errors import Problem, RunFolderError, ZerokdError, escape_unprintable
from zerokd.files.record import check_record, parse_json
from zerokd.files.regular import read_regular
from zerokd.run.figures import read_samples
from zerokd.run.folder import RunFolder
from zerokd.run.records import Manifest, StageRecord
from zerokd.student.load import load_model
from zerokd.training.log_records import read_log_lines

RAMP_LEVELS = 33  # grey levels from black to white
RAMP_IMAGE_SIZE = 16  # pixels a side of a level's image; beyond the receptive field of every built-in model

LogRecord = dict[str, Any]  # a line of metrics.jsonl


@define(eq=False)
class RunRecord:
    """A run's manifest, recipe and log. ``missing`` lists what could not be read so far."""

    folder: RunFolder
    manifest: Manifest
    recipe: str
    log_records: dict[str, dict[str, list[LogRecord]]]  # by stage and kind
    missing: list[str] = field(factory=list)

    @property
    def name(self) -> str:
        return self.folder.path.resolve().name

    @property
    def players(self) -> list[StageRecord]:
        """The stages in order, each followed by its critic if it has one."""
        return [player for stage in self.manifest["stages"] for player in (stage, stage.get("critic")) if player]

    def select_log_records(self, stage: str, kind: str) -> list[LogRecord]:
        """The records of a kind that a stage logged, in order."""
        return self.log_records.get(stage, {}).get(kind, [])

    def load_sample_images(self, stage: str) -> list[dict[str, str]]:
        """For each sample of a stage, its images by caption, as data: URIs."""
        try:
            images = read_samples(self.folder.sample_path(stage))
        except (OSError, ValueError, Image.DecompressionBombError):
            self.missing.append(f"samples of stage {stage}")
            return []
        rows = zip(*images.values(), strict=True)
        return [{caption: to_data_uri(image) for caption, image in zip(images, row, strict=True)} for row in rows]

    def compute_grey_ramp(self, plugins: Iterable[Path] = ()) -> list[Line]:
        """The student's output for flat grey images, by channel, and the identity line."""
        if not self.folder.student.exists():
            self.missing.append("student.safetensors: the run is not finished")
            return []
        levels, centre = torch.linspace(0, 1, RAMP_LEVELS), RAMP_IMAGE_SIZE // 2
        low = levels.view(-1, 1, 1, 1).expand(-1, 3, RAMP_IMAGE_SIZE, RAMP_IMAGE_SIZE)
        try:
            with torch.no_grad():
                curve = load_model(self.folder.student, plugins)(low)["enhanced"][:, :, centre, centre]
        except ZerokdError as error:
            self.missing.append(f"the student's curve: {error.problems[0].message}")
            return []
        except Exception as error:  # a plugin's model may need more than a small flat image
            self.missing.append(f"the student's curve: {type(error).__name__}: {escape_unprintable(str(error))}")
            return []
        xs = levels.tolist()
        channels = (("red", 2), ("green", 3), ("blue", 1))  # with the colour of the line
        lines = [Line(name, xs, curve[:, n].tolist(), colour) for n, (name, colour) in enumerate(channels)]
        return [*lines, Line("unchanged", xs, xs, 10)]


def read_run(path: Path) -> RunRecord:
    """The record of a finished or unfinished run.

    Raises:
        RunFolderError: it is no run folder, or its manifest or log is damaged.
    """
    folder = RunFolder(path)
    try:
        value = parse_json(read_regular(folder.manifest))
        if not isinstance(value, dict) or "stages" not in value:
            raise ValueError("it is no manifest of a run")
        manifest = check_record(Manifest, {key: part for key, part in value.items() if part is not None})
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or f"damaged or incomplete: {error}"
        text = f"{str(path)!r} is not a run folder: {folder.manifest.name}: {reason}"
        raise RunFolderError(Problem(text, hints=("give a folder that `zerokd run` created",))) from error
    missing: list[str] = []
    recipe = _read_text(folder.recipe, missing)
    log_records: dict[str, dict[str, list[LogRecord]]] = {}
    if folder.metrics.exists():
        for record in read_log_lines(folder.metrics, lambda: missing.append("the last line of metrics.jsonl")):
            log_records.setdefault(record["stage"], {}).setdefault(record["kind"], []).append(record)
    else:
        missing.append(folder.metrics.name)
    return RunRecord(folder, manifest, recipe, log_records, missing)


@contextmanager
def attribute_damage(*runs: RunRecord) -> Iterator[None]:
    """Report a run's record that is not as zerokd writes it as a damaged run folder.

    Raises:
        RunFolderError: something is missing, or has another type.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, UndefinedError) as error:
        folders = " or ".join(repr(str(run.folder.path)) for run in runs)
        text = f"the record in {folders} is damaged or incomplete: {escape_unprintable(str(error))}"
        hint = "manifest.json or metrics.jsonl was changed after the run"
        raise RunFolderError(Problem(text, hints=(hint,))) from error


def to_data_uri(image: Image.Image) -> str:
    """An image as a data: URI, PNG."""
    file = io.BytesIO()
    image.convert("RGB").save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _read_text(path: Path, missing: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        missing.append(path.name)
        return ""
