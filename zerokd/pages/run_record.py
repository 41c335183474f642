"""What a run folder holds, read back: whatever is missing is said, not invented."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from attrs import field, frozen
from jinja2 import UndefinedError
from PIL import Image

from zerokd.errors import Problem, RunFolderError, ZerokdError, escape_unprintable
from zerokd.pages.chart import Line
from zerokd.run.figures import read_samples
from zerokd.run.folder import RunFolder
from zerokd.student.load import load_model

RAMP_LEVELS = 33  # levels of grey from black to white
RAMP_IMAGE_SIZE = 16  # of the flat image of each level; no built-in model sees further


@frozen(eq=False)
class RunRecord:
    """A run's own account. ``lines`` are those of metrics.jsonl by stage and kind; ``missing`` is what is not there."""

    folder: RunFolder
    manifest: dict[str, Any]
    recipe: str
    log_records: dict[str, dict[str, list[dict[str, Any]]]]
    missing: list[str] = field(factory=list)

    @property
    def name(self) -> str:
        return self.folder.path.resolve().name

    def select_log_records(self, stage: str, kind: str) -> list[dict[str, Any]]:
        """The lines of a kind that a stage wrote, in order."""
        return self.log_records.get(stage, {}).get(kind, [])

    def load_sample_images(self, stage: str) -> list[dict[str, str]]:
        """For each sample of a stage, its images by caption, as data: URIs."""
        try:
            found = read_samples(self.folder.sample_path(stage))
        except (OSError, ValueError, Image.DecompressionBombError):
            self.missing.append(f"samples of stage {stage}")
            return []
        rows = zip(*found.values(), strict=True)
        return [{caption: to_data_uri(image) for caption, image in zip(found, row, strict=True)} for row in rows]

    def compute_grey_ramp(self, plugins: Iterable[Path] = ()) -> list[Line]:
        """What the student makes of flat grey, by channel, and the line on which nothing changes."""
        if not self.folder.student.exists():
            self.missing.append("student.safetensors: the run is not finished")
            return []
        try:
            with torch.no_grad():
                levels = torch.linspace(0, 1, RAMP_LEVELS)
                low = levels.view(-1, 1, 1, 1).expand(-1, 3, RAMP_IMAGE_SIZE, RAMP_IMAGE_SIZE)
                made = load_model(self.folder.student, plugins)(low)["enhanced"][
                    :, :, RAMP_IMAGE_SIZE // 2, RAMP_IMAGE_SIZE // 2
                ]
        except ZerokdError as error:
            self.missing.append(f"the student's curve: {error.problems[0].message}")
            return []
        except Exception as error:  # a plugin's model may ask for more than a small flat image
            self.missing.append(f"the student's curve: {type(error).__name__}: {escape_unprintable(str(error))}")
            return []
        xs = levels.tolist()
        names = (("red", 2), ("green", 3), ("blue", 1))
        channels = [Line(name, xs, made[:, n].tolist(), colour) for n, (name, colour) in enumerate(names)]
        return [*channels, Line("unchanged", xs, xs, 10)]


def read_run(path: Path) -> RunRecord:
    """A run that ended, or is still on its way.

    Raises:
        RunFolderError: it is not the folder of a run, or its manifest is damaged.
    """
    folder = RunFolder(path)
    try:
        manifest = json.loads(folder.manifest.read_text(encoding="utf-8"))
        if not isinstance(manifest, dict) or not isinstance(manifest.get("stages"), list):
            raise ValueError("it is no account of a run")
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or str(error).splitlines()[0]
        hint = "give a folder that `zerokd run` made"
        text = f"{str(path)!r} is not the folder of a run: {folder.manifest.name}: {told}"
        raise RunFolderError(Problem(text, hints=(hint,))) from error
    missing: list[str] = []
    recipe = _read_text(folder.recipe, missing)
    lines: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for text in _read_text(folder.metrics, missing).splitlines():
        try:
            line = json.loads(text)
            lines.setdefault(str(line["stage"]), {}).setdefault(str(line["kind"]), []).append(line)
        except (ValueError, KeyError, TypeError):
            missing.append("lines of metrics.jsonl that cannot be read")
            break
    return RunRecord(folder, manifest, recipe, lines, missing)


@contextmanager
def attribute_damage(*runs: RunRecord) -> Iterator[None]:
    """Read what runs say of themselves; where that is not what a run writes, the folder is at fault.

    Raises:
        RunFolderError: something is missing or of another kind.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, UndefinedError) as error:
        which = " or ".join(repr(str(run.folder.path)) for run in runs)
        text = f"the account in {which} is damaged or incomplete: {escape_unprintable(str(error))}"
        raise RunFolderError(
            Problem(text, hints=("manifest.json or metrics.jsonl was changed after the run",))
        ) from error


def _read_text(path: Path, missing: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        missing.append(path.name)
        return ""


def to_data_uri(image: Image.Image) -> str:
    """An image as a data: URI, PNG."""
    file = io.BytesIO()
    image.convert("RGB").save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
