"""The run folder: made once, never over something that is there, and one run's alone while it runs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import tomli_w
from attrs import frozen
from filelock import FileLock, Timeout

from zerokd.errors import Problem, RunFolderError

LOCK_FILE = ".lock"  # stays, empty: taking it away would let two runs hold it


@frozen
class RunFolder:
    """Where a run leaves what it made. Every file is written by name from here, so nothing lands outside."""

    path: Path

    @staticmethod
    def check_available(out: Path | None) -> None:
        """Refuse a place that holds something, or where no folder can be.

        Raises:
            RunFolderError: ``out`` exists and is not an empty folder, cannot be looked into, or lies below a file.
        """
        if out is None:
            return
        try:
            if not any(entry.name != LOCK_FILE for entry in out.iterdir()):
                return
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            if not os.path.isfile(out):  # unlike Path's, never raises
                raise RunFolderError(_describe_unusable(out, error)) from error
        hint = "choose another --out; nothing in it was touched"
        raise RunFolderError(Problem(f"{str(out)!r} exists and is not an empty folder", hints=(hint,)))

    @classmethod
    def create(cls, name: str, out: Path | None) -> Self:
        """``out``, or ``runs/<name>-<time>``. Of two runs that want one folder at once, one gets it.

        Raises:
            RunFolderError: it exists and is not an empty folder, or cannot be made or written.
        """
        path = out or Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        try:
            path = out or _find_unused_path(path)
            cls.check_available(path)
            (path / "samples").mkdir(parents=True)
        except (OSError, ValueError) as error:
            raise RunFolderError(_describe_unusable(path, error)) from error
        return cls(path)

    @contextmanager
    def lock(self) -> Iterator[Self]:
        """Keep every other run out. A process that dies gives the folder free.

        Raises:
            RunFolderError: another run is at work in it, or it cannot be written.
        """
        lock = FileLock(self.path / LOCK_FILE, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            hint = "wait until it ends, or choose another --out"
            raise RunFolderError(Problem(f"another run is at work in {str(self.path)!r}", hints=(hint,))) from None
        except OSError as error:
            raise RunFolderError(_describe_unusable(self.path, error)) from error
        try:
            yield self
        finally:
            lock.release()

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

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.json"

    @property
    def checkpoints(self) -> Path:
        """What an unfinished run goes on from; gone once it is finished."""
        return self.path / "checkpoints"

    @property
    def observers(self) -> Path:
        """Where the observers of a run that has some may write."""
        return self.path / "observers"

    def sample_path(self, stage: str) -> Path:
        return self.path / "samples" / f"{stage}.png"

    def write_recipe(self, tables: dict[str, Any]) -> None:
        """The recipe as it ran: with every override in it."""
        self.recipe.write_text(tomli_w.dumps(tables), encoding="utf-8")

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Replaced whole, so that no reader sees half of it."""
        fresh = self.manifest.with_suffix(".new")
        fresh.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        os.replace(fresh, self.manifest)


def _find_unused_path(path: Path) -> Path:
    """The path, or the first of path-2, path-3, ... that is not there: two runs may start in one second."""
    candidates = [path, *(path.with_name(f"{path.name}-{number}") for number in range(2, 1000))]
    return next((candidate for candidate in candidates if not candidate.exists()), path)


def _describe_unusable(path: Path, fault: Exception) -> Problem:
    return Problem(f"cannot use the run folder {str(path)!r}: {getattr(fault, 'strerror', None) or fault}")
