"""Find an unfinished run, and refuse to resume it if anything that decides its student has changed."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from zerokd.errors import DataError, Problem, RecipeError, RunFolderError, WeightsError
from zerokd.files.record import check_record, parse_record
from zerokd.files.regular import read_regular
from zerokd.run.folder import RunFolder
from zerokd.run.records import CheckpointRecord, Manifest, ResumeRecord
from zerokd.training.checkpoint import LAST_FILE, NEXT_FILE, PREVIOUS_FILE, Checkpoint, load_checkpoint

FIXED_KEYS = ("seed", "plugins", "models", "components", "data")  # of a manifest: what decides the student
CHANGEABLE_KEYS = ("checkpoint_seconds", "on_nonfinite", "skip_at_most")  # of a recipe: no influence on the student
REPORTED_KEYS = ("device", "processes", "versions", "platform")  # of a manifest: what decides the last bits
MAX_SHOWN_DIFFERENCES = 6


@frozen(eq=False)
class ResumePoint:
    """Where a run continues: at a checkpoint, or at its first step; ``history`` records every resumption so far."""

    checkpoint: Checkpoint | None = None
    history: tuple[ResumeRecord, ...] = ()


NEW_RUN = ResumePoint()


def read_manifest(folder: RunFolder) -> Manifest:
    """The manifest of a run.

    Raises:
        RunFolderError: it is no run folder, or its manifest cannot be read.
    """
    try:
        if not folder.recipe.is_file():
            raise FileNotFoundError(2, "it holds no recipe.toml")
        return parse_record(Manifest, read_regular(folder.manifest))
    except OSError as error:
        raise RunFolderError(f"{str(folder.path)!r} is not a run folder: {error.strerror or error}") from error
    except ValueError as error:
        text = f"{str(folder.path)!r} is not a run folder: {folder.manifest.name} is damaged or incomplete: {error}"
        raise RunFolderError(Problem(text, hints=("start a new run in another folder",))) from error


def is_finished(manifest: Manifest) -> bool:
    """Whether the run has finished."""
    return "result" in manifest


def find_unfinished_run(runs_folder: Path, name: str) -> Path | None:
    """The newest unfinished run of the recipe of that name."""
    candidates = []
    for path in runs_folder.glob(f"{name}-*/manifest.json"):
        try:
            manifest = read_manifest(RunFolder(path.parent))
        except RunFolderError:
            continue
        if manifest.get("recipe") == name and not is_finished(manifest):
            candidates.append((path.stat().st_mtime, path.parent))
    return max(candidates)[1] if candidates else None


def require_same_recipe(folder: RunFolder, tables: Mapping[str, Any]) -> None:
    """Refuse a recipe that differs from the run's, but for keys that do not influence the student.

    Raises:
        RecipeError: it differs; the hints name the keys.
        RunFolderError: the run's recipe is damaged.
    """
    try:
        previous = tomllib.loads(read_regular(folder.recipe).decode())
    except (OSError, ValueError) as error:
        text = f"{str(folder.recipe)!r} is damaged: {getattr(error, 'strerror', None) or error}"
        raise RunFolderError(Problem(text, hints=("start a new run in another folder",))) from error
    current = json.loads(json.dumps(tables))
    differences = list(find_differences(_without_changeable_keys(previous), _without_changeable_keys(current)))
    if differences:
        hint = f"resume it unchanged: zerokd resume {folder.path}; or start a new run in another folder"
        text = f"the recipe differs from the one that started {str(folder.path)!r}"
        raise RecipeError(Problem(text, hints=(*_format_differences(differences), hint)))


def require_same_run(previous: Manifest, current: Manifest) -> list[str]:
    """Refuse a run whose inputs have changed; return the differences that affect only the last bits.

    Raises:
        DataError: a plugin, weights file, or the data have changed.
    """
    differences = _find_manifest_differences(previous, current, FIXED_KEYS)
    if differences:
        hint = "restore the original files, or start a new run in another folder"
        raise DataError(
            Problem("cannot resume: the run's inputs have changed", hints=(*_format_differences(differences), hint))
        )
    return _find_manifest_differences(previous, current, REPORTED_KEYS)


def load_last_checkpoint(folder: RunFolder) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """The newest whole checkpoint (None: the run never reached its first one), and a warning for each damaged file.

    Raises:
        WeightsError: every checkpoint is damaged.
    """
    if not any((folder.checkpoints / name).exists() for name in (LAST_FILE, PREVIOUS_FILE, NEXT_FILE)):
        return None, ()
    try:
        return load_checkpoint(folder.checkpoints)
    except OSError as error:
        raise WeightsError(Problem(f"cannot read {str(folder.checkpoints)!r}: {error.strerror}")) from error


def read_checkpoint_record(checkpoint: Checkpoint, manifest: Manifest) -> CheckpointRecord:
    """The plain data of a checkpoint of this run.

    Raises:
        WeightsError: it is damaged, its stage is none of the run's, or the stages before it are not finished.
    """
    names = [stage["name"] for stage in manifest["stages"]]
    try:
        record = check_record(CheckpointRecord, checkpoint.metadata)
        stage, finished = record["stage"], list(record["done"])
        if stage not in names or sorted(finished) != sorted(names[: names.index(stage)]):
            raise ValueError(f"stage {stage!r} after {finished} is no state of a run of {names}")
        steps = manifest["stages"][names.index(stage)]["steps"]
        if not 0 <= record["step"] <= steps:
            raise ValueError(f"step {record['step']} of {steps}")
    except ValueError as error:
        text = f"the checkpoint is not one of this run: {error}"
        raise WeightsError(Problem(text, hints=("start a new run in another folder",))) from error
    return record


def find_differences(previous: Any, current: Any, path: str = "") -> Iterator[str]:
    """Every leaf in which two trees of plain data differ."""
    if isinstance(previous, Mapping) and isinstance(current, Mapping):
        for key in dict.fromkeys((*previous, *current)):
            yield from find_differences(previous.get(key), current.get(key), f"{path}.{key}" if path else str(key))
    elif previous != current:
        yield f"{path}: was {_format_value(previous)}, is {_format_value(current)}"


def _without_changeable_keys(tables: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tables.items() if key not in CHANGEABLE_KEYS}


def _find_manifest_differences(previous: Manifest, current: Manifest, keys: Sequence[str]) -> list[str]:
    return [line for key in keys for line in find_differences(previous.get(key), current.get(key), key)]


def _format_value(value: Any) -> str:
    text = "absent" if value is None else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _format_differences(differences: list[str]) -> tuple[str, ...]:
    hidden = len(differences) - MAX_SHOWN_DIFFERENCES
    return (*differences[:MAX_SHOWN_DIFFERENCES], *((f"... and {hidden} more",) if hidden > 0 else ()))
