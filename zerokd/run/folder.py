"""The run folder: made once, never over something that is there."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import tomli_w
from attrs import frozen

from zerokd.errors import Problem, RunFolderError


@frozen
class RunFolder:
    """Where a run leaves what it made. Every file is written by name from here, so nothing lands outside."""

    path: Path

    @staticmethod
    def check(out: Path | None) -> None:
        """Refuse a place that holds something, or where no folder can be.

        Raises:
            RunFolderError: ``out`` exists and is not an empty folder, cannot be looked into, or lies below a file.
        """
        if out is None:
            return
        try:
            if not any(out.iterdir()):
                return
        except FileNotFoundError:
            return
        except (OSError, ValueError) as fault:
            if not os.path.isfile(out):  # unlike Path's, never raises
                raise RunFolderError(_unusable(out, fault)) from fault
        hint = "choose another --out; nothing in it was touched"
        raise RunFolderError(Problem(f"{str(out)!r} exists and is not an empty folder", hints=(hint,)))

    @classmethod
    def create(cls, name: str, out: Path | None) -> RunFolder:
        """``out``, or ``runs/<name>-<time>``.

        Raises:
            RunFolderError: it exists and is not an empty folder, or cannot be made or written.
        """
        path = out or Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        try:
            path = out or _fresh(path)
            cls.check(path)
            (path / "samples").mkdir(parents=True)
        except (OSError, ValueError) as fault:
            raise RunFolderError(_unusable(path, fault)) from fault
        return cls(path)

    @property
    def student(self) -> Path:
        return self.path / "student.safetensors"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def curves(self) -> Path:
        return self.path / "loss_curves.png"

    @property
    def failure(self) -> Path:
        """Made only by a run that stops being finite."""
        return self.path / "failure"

    def sample(self, stage: str) -> Path:
        return self.path / "samples" / f"{stage}.png"

    def write_recipe(self, tables: dict[str, Any]) -> None:
        """The recipe as it ran: with every override in it."""
        (self.path / "recipe.toml").write_text(tomli_w.dumps(tables), encoding="utf-8")

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        (self.path / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _fresh(path: Path) -> Path:
    """The path, or the first of path-2, path-3, ... that is not there: two runs may start in one second."""
    candidates = [path, *(path.with_name(f"{path.name}-{number}") for number in range(2, 1000))]
    return next((one for one in candidates if not one.exists()), path)


def _unusable(path: Path, fault: Exception) -> Problem:
    return Problem(f"cannot make the run folder {str(path)!r}: {getattr(fault, 'strerror', None) or fault}")
