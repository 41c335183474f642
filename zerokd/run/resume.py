"""A run that goes on: found, and held to what it was when it started."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from zerokd.errors import DataError, Problem, RecipeError, RunFolderError, WeightsError
from zerokd.run.folder import RunFolder
from zerokd.training.checkpoint import LAST_FILE, NEXT_FILE, PREVIOUS_FILE, Checkpoint, load_checkpoint

FIXED_KEYS = ("seed", "plugins", "models", "components", "data")  # of a manifest: what decides the student
CHANGEABLE_KEYS = ("checkpoint_seconds", "on_nonfinite", "skip_at_most")  # of a recipe: what may change on the way
REPORTED_KEYS = ("device", "processes", "versions", "platform")  # what decides its last bits
MAX_SHOWN_DIFFERENCES = 6  # differences that an error names


@frozen(eq=False)
class ResumePoint:
    """Where a run goes on from: a checkpoint (None: from its first step), and what is said of this and earlier times it
    did."""

    checkpoint: Checkpoint | None = None
    history: tuple[dict[str, Any], ...] = ()


NEW_RUN = ResumePoint()


def read_manifest(folder: RunFolder) -> dict[str, Any]:
    """What a run said of itself when it started.

    Raises:
        RunFolderError: it is no folder of a run, or its manifest cannot be read.
    """
    try:
        if not folder.recipe.is_file():
            raise FileNotFoundError(2, "it holds no recipe.toml")
        found = json.loads(folder.manifest.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("its manifest is no JSON object")
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise RunFolderError(Problem(f"{str(folder.path)!r} is not the folder of a run: {told}")) from error
    return found


def is_finished(manifest: Mapping[str, Any]) -> bool:
    """Whether a run came to its end."""
    return "result" in manifest


def find_unfinished_run(runs_folder: Path, name: str) -> Path | None:
    """The newest unfinished run of a recipe below ``runs``."""
    found = []
    for manifest in runs_folder.glob(f"{name}-*/manifest.json"):
        try:
            told = read_manifest(RunFolder(manifest.parent))
        except RunFolderError:
            continue
        if told.get("recipe") == name and not is_finished(told):
            found.append((manifest.stat().st_mtime, manifest.parent))
    return max(found)[1] if found else None


def require_same_recipe(folder: RunFolder, tables: Mapping[str, Any]) -> None:
    """Hold a recipe to the one that a run started with; what is to be done when something goes wrong may be another.

    Raises:
        RecipeError: they differ; every key that does is named.
    """
    with folder.recipe.open("rb") as file:
        before = tomllib.load(file)
    now = json.loads(json.dumps(tables))
    kept = [{key: value for key, value in one.items() if key not in CHANGEABLE_KEYS} for one in (before, now)]
    told = list(find_differences(kept[0], kept[1]))
    if told:
        hint = f"go on as it started, by: zerokd resume {folder.path}; or start anew in another folder"
        text = f"the recipe is not the one that {str(folder.path)!r} was started with"
        raise RecipeError(Problem(text, hints=(*_format_differences(told), hint)))


def require_same_run(previous: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Hold a run's manifest to the one it started with; returns what differs and only changes the last bits.

    Raises:
        DataError: a plugin, weights file, or the data are not what they were.
    """
    told = [line for key in FIXED_KEYS for line in find_differences(previous.get(key), current.get(key), key)]
    if told:
        hint = "bring back what was there, or start anew in another folder"
        raise DataError(Problem("the run cannot go on as it started", hints=(*_format_differences(told), hint)))
    return [line for key in REPORTED_KEYS for line in find_differences(previous.get(key), current.get(key), key)]


def load_last_checkpoint(folder: RunFolder) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """The checkpoint to go on from (None: the run was stopped before its first one), and warnings.

    Raises:
        WeightsError: every checkpoint that is there is damaged.
    """
    if not any((folder.checkpoints / name).exists() for name in (LAST_FILE, PREVIOUS_FILE, NEXT_FILE)):
        return None, ()
    try:
        return load_checkpoint(folder.checkpoints)
    except OSError as error:
        raise WeightsError(Problem(f"cannot read {str(folder.checkpoints)!r}: {error.strerror}")) from error


def find_differences(previous: Any, current: Any, path: str = "") -> Iterator[str]:
    """Every leaf in which two trees of plain data differ."""
    if isinstance(previous, Mapping) and isinstance(current, Mapping):
        for key in dict.fromkeys((*previous, *current)):
            yield from find_differences(previous.get(key), current.get(key), f"{path}.{key}" if path else str(key))
    elif previous != current:
        yield f"{path}: was {_format_value(previous)}, is {_format_value(current)}"


def _format_value(value: Any) -> str:
    text = "absent" if value is None else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _format_differences(differences: list[str]) -> tuple[str, ...]:
    more = (
        (f"... and {len(differences) - MAX_SHOWN_DIFFERENCES} more",)
        if len(differences) > MAX_SHOWN_DIFFERENCES
        else ()
    )
    return (*differences[:MAX_SHOWN_DIFFERENCES], *more)
