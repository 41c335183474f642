"""Which files are enhanced, and where each one goes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from attrs import frozen

from zerokd.errors import DataError, OutputError, Problem, RecipeError

MAX_NAMED_FILES = 3  # files that an error names


@frozen
class Job:
    """A file to read, and the file to write; ``name`` is the same wherever the folders lie."""

    name: str
    source: Path
    target: Path


def collect_jobs(
    inputs: Sequence[Path], out: Path, suffixes: Iterable[str], shard: tuple[int, int] = (1, 1)
) -> list[Job]:
    """One job a file: files as they are, folders with everything below them that has one of the ``suffixes``.

    Of ``shard`` (i, n) the i-th of n parts; a file's part is decided by its name alone. A single file may name its
    output; all else goes into the folder ``out``, with the folders that it lay in.

    Raises:
        DataError: an input does not exist, or there is nothing to do.
        RecipeError: an input is of another kind, or two of them would be written to one file.
        OutputError: an output would be written over an input, or ``out`` is a file.
    """
    known = tuple(suffixes)
    _require_existing(inputs)
    if len(inputs) == 1 and inputs[0].is_file() and out.suffix.lower() in known and not out.is_dir():
        found = [Job(inputs[0].name, inputs[0], out)]
    else:
        if out.exists() and not out.is_dir():
            raise OutputError(Problem(f"{str(out)!r} is a file", hints=("several photos need a folder",)))
        found = [Job(name, path, out / name) for name, path in _list_files(inputs, known, out)]
    if not found:
        hint = f"looked for files with the endings {' '.join(known)}"
        raise DataError(Problem(f"nothing to enhance in {', '.join(map(str, inputs))}", hints=(hint,)))
    _reject_jobs([job for job in found if job.source.suffix.lower() not in known], "of a kind that is not known", known)
    _check_targets(found)
    index, count = shard
    return [job for job in found if _shard_index(job.name, count) == index - 1]


def _require_existing(paths: Sequence[Path]) -> None:
    missing = [path for path in paths if not os.path.exists(path)]
    if missing:
        problems = (Problem(f"{str(path)!r} does not exist") for path in missing)
        raise DataError(*problems)


def _list_files(inputs: Sequence[Path], suffixes: tuple[str, ...], out: Path) -> Iterator[tuple[str, Path]]:
    """Every file once, by name. What lies in ``out`` is ours, and links out of a folder are not followed."""
    seen: set[str] = set()
    for path in inputs:
        inside = [path] if path.is_file() else sorted(find_files(path, suffixes, out))
        for file in inside:
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                yield (file.name if path.is_file() else file.relative_to(path).as_posix()), file


def find_files(folder: Path, suffixes: tuple[str, ...], out: Path | None = None) -> Iterator[Path]:
    """Files with these endings, but for hidden ones, those in ``out``, and links that lead out of the folder."""
    root, ours = os.path.realpath(folder), os.path.realpath(out) if out else None
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if os.path.realpath(Path(at, name)) != ours]
        for path in (Path(at, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() in suffixes and Path(os.path.realpath(path)).is_relative_to(root):
                yield path


def _check_targets(jobs: Sequence[Job]) -> None:
    """No output on an input, and no two on each other."""
    sources = {os.path.realpath(job.source) for job in jobs}
    over = [job for job in jobs if os.path.realpath(job.target) in sources]
    if over:
        hint = "nothing was touched; give another folder: -o FOLDER"
        raise OutputError(Problem(f"{str(over[0].target)!r} would be written over a photo", hints=(hint,)))
    targets: dict[str, Job] = {}
    for job in jobs:
        other = targets.setdefault(os.path.realpath(job.target), job)
        if other is not job:
            text = f"{str(other.source)!r} and {str(job.source)!r} would both be written to {str(job.target)!r}"
            raise RecipeError(Problem(text, hints=("enhance them into folders of their own",)))


def _reject_jobs(jobs: Sequence[Job], reason: str, suffixes: tuple[str, ...]) -> None:
    if jobs:
        names = ", ".join(repr(str(job.source)) for job in jobs[:MAX_NAMED_FILES])
        raise RecipeError(Problem(f"{names}: {reason}", hints=(f"known are {' '.join(suffixes)}",)))


def _shard_index(name: str, shard_count: int) -> int:
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8]) % shard_count
