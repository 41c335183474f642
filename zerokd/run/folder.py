"""The run folder: made once, never over something that is there."""

from __future__ import annotations

import json
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
        """Refuse a place that holds something.

        Raises:
            RunFolderError: ``out`` exists and is not an empty folder.
        """
        if out and out.exists() and (not out.is_dir() or any(out.iterdir())):
            hint = "choose another --out; nothing in it was touched"
            raise RunFolderError(Problem(f"{str(out)!r} exists and is not an empty folder", hints=(hint,)))

    @classmethod
    def create(cls, name: str, out: Path | None) -> RunFolder:
        """``out``, or ``runs/<name>-<time>``.

        Raises:
            RunFolderError: it exists and is not an empty folder, or cannot be made or written.
        """
        path = out or _fresh(Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}")
        cls.check(path)
        try:
            (path / "samples").mkdir(parents=True)
        except OSError as fault:
            raise RunFolderError(Problem(f"cannot make the run folder {str(path)!r}: {fault.strerror}")) from fault
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
