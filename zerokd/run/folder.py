"""The run folder: created once, never over existing files, and locked by its run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import tomli_w
from attrs import frozen
from filelock import FileLock, Timeout

from zerokd.errors import Problem, RunFolderError
from zerokd.files.atomic import TEMPORARY_NAME, remove_stale_temporaries, write_bytes
from zerokd.run.records import Manifest
from zerokd.training.checkpoint import delete_checkpoints

LOCK_FILE = ".lock"  # never deleted: a second run could then lock a new file of that name


@frozen
class RunFolder:
    """The files of a run. Each is named here, so that no run writes outside its folder."""

    path: Path

    @staticmethod
    def check_available(out: Path | None) -> None:
        """Refuse a folder with content, and a path where no folder can be created.

        Raises:
            RunFolderError: ``out`` exists and is not an empty folder, cannot be listed, or lies below a file.
        """
        if out is None:
            return
        try:
            if RunFolder(out).is_unstarted():
                return
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            if not os.path.isfile(out):  # unlike Path's, never raises
                raise RunFolderError(_describe_unusable(out, error)) from error
        hint = "choose another --out; nothing in it was changed"
        raise RunFolderError(Problem(f"{str(out)!r} exists and is not an empty folder", hints=(hint,)))

    @classmethod
    def create(cls, name: str, out: Path | None) -> Self:
        """Create ``out``, or ``runs/<name>-<time>``. If two runs create one folder at once, one of them fails.

        Raises:
            RunFolderError: it exists and is not an empty folder, or cannot be created.
        """
        path = out or Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        try:
            path = out or _find_unused_path(path)
            cls.check_available(path)
            cls(path).samples.mkdir(parents=True, exist_ok=path.exists())
        except (OSError, ValueError) as error:
            raise RunFolderError(_describe_unusable(path, error)) from error
        return cls(path)

    def is_unstarted(self) -> bool:
        """Whether the folder is empty, or holds what a run leaves that ended before it wrote its manifest.

        Raises:
            OSError: it cannot be listed.
        """
        names = {entry.name for entry in self.path.iterdir() if not TEMPORARY_NAME.fullmatch(entry.name)}
        if self.recipe.name in names and LOCK_FILE not in names:  # somebody else's: a run locks its folder first
            return False
        left_by_a_run = {LOCK_FILE, self.samples.name, self.recipe.name}
        return names <= left_by_a_run and not (self.samples.name in names and any(self.samples.iterdir()))

    @contextmanager
    def lock(self) -> Iterator[Self]:
        """Keep every other run out. The lock of a process that dies is free.

        Raises:
            RunFolderError: another run is using it, or it cannot be written.
        """
        lock = FileLock(self.path / LOCK_FILE, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            hint = "wait until it ends, or choose another --out"
            raise RunFolderError(Problem(f"another run is using {str(self.path)!r}", hints=(hint,))) from None
        except OSError as error:
            raise RunFolderError(_describe_unusable(self.path, error)) from error
        try:
            yield self
        finally:
            lock.release()

    def remove_litter(self) -> None:
        """Remove what killed processes left in the folder of a finished run, unless it is in use or cannot be
        written."""
        temporaries = any(map(TEMPORARY_NAME.fullmatch, os.listdir(self.path)))
        if temporaries or self.checkpoints.exists():
            with suppress(RunFolderError), self.lock():
                self.remove_litter_of_locked()

    def remove_litter_of_locked(self) -> None:
        """As :meth:`remove_litter`, for the process that holds the lock."""
        with suppress(OSError):
            self.remove_temporaries()
            delete_checkpoints(self.checkpoints)

    def remove_temporaries(self) -> None:
        """Remove the temporary files of killed processes; the caller holds the lock."""
        remove_stale_temporaries((self.path, self.samples, self.checkpoints, self.failure), exclusive=True)

    @property
    def student(self) -> Path:
        return self.path / "student.safetensors"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def curves(self) -> Path:
        return self.path / "curves.svg"

    @property
    def failure(self) -> Path:
        """The dump of a step that is not finite; there only after such a step."""
        return self.path / "failure"

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.json"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints of an unfinished run; deleted when it finishes."""
        return self.path / "checkpoints"

    @property
    def observers(self) -> Path:
        """Where observers may write; there only if the run has some."""
        return self.path / "observers"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    def sample_path(self, stage: str) -> Path:
        """The sample sheet of a stage."""
        return self.samples / f"{stage}.png"

    def write_recipe(self, tables: Mapping[str, Any]) -> None:
        """Write the recipe with every override in it, unless the file holds exactly that.

        Raises:
            OSError: it cannot be written; an existing file is intact.
        """
        text = tomli_w.dumps(tables).encode()
        if not self.recipe.exists() or self.recipe.read_bytes() != text:
            write_bytes(self.recipe, text)

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest atomically: no reader sees half of it.

        Raises:
            OSError: it cannot be written; an existing file is intact.
        """
        write_bytes(self.manifest, (json.dumps(manifest, indent=2) + "\n").encode())


def _find_unused_path(path: Path) -> Path:
    """The path, or the first unused one of path-2, path-3, ...: two runs may start in one second."""
    candidates = [path, *(path.with_name(f"{path.name}-{number}") for number in range(2, 1000))]
    return next((candidate for candidate in candidates if not candidate.exists()), path)


def _describe_unusable(path: Path, error: Exception) -> Problem:
    return Problem(f"cannot use the run folder {str(path)!r}: {getattr(error, 'strerror', None) or error}")
