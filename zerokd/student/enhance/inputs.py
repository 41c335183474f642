"""Which files are enhanced, and where each one goes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from attrs import frozen

from zerokd.errors import DataError, OutputError, Problem, RecipeError

SHOWN = 3  # files that an error names


@frozen
class Job:
    """A file to read, and the file to write; ``name`` is the same wherever the folders lie."""

    name: str
    source: Path
    target: Path


def jobs_of(given: Sequence[Path], out: Path, suffixes: Iterable[str], shard: tuple[int, int] = (1, 1)) -> list[Job]:
    """One job a file: files as they are, folders with everything below them that has one of the ``suffixes``.

    Of ``shard`` (i, n) the i-th of n parts; a file's part is decided by its name alone. A single file may name its
    output; all else goes into the folder ``out``, with the folders that it lay in.

    Raises:
        DataError: an input does not exist, or there is nothing to do.
        RecipeError: an input is of another kind, or two of them would be written to one file.
        OutputError: an output would be written over an input, or ``out`` is a file.
    """
    known = tuple(suffixes)
    _exist(given)
    if len(given) == 1 and given[0].is_file() and out.suffix.lower() in known and not out.is_dir():
        found = [Job(given[0].name, given[0], out)]
    else:
        if out.exists() and not out.is_dir():
            raise OutputError(Problem(f"{str(out)!r} is a file", hints=("several photos need a folder",)))
        found = [Job(name, path, out / name) for name, path in _files(given, known, out)]
    if not found:
        hint = f"looked for files with the endings {' '.join(known)}"
        raise DataError(Problem(f"nothing to enhance in {', '.join(map(str, given))}", hints=(hint,)))
    _refuse([job for job in found if job.source.suffix.lower() not in known], "of a kind that is not known", known)
    _apart(found)
    index, count = shard
    return [job for job in found if _part(job.name, count) == index - 1]


def _exist(given: Sequence[Path]) -> None:
    missing = [path for path in given if not os.path.exists(path)]
    if missing:
        problems = (Problem(f"{str(path)!r} does not exist") for path in missing)
        raise DataError(*problems)


def _files(given: Sequence[Path], known: tuple[str, ...], out: Path) -> Iterator[tuple[str, Path]]:
    """Every file once, by name. What lies in ``out`` is ours, and links out of a folder are not followed."""
    seen: set[str] = set()
    for path in given:
        inside = [path] if path.is_file() else sorted(below(path, known, out))
        for file in inside:
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                yield (file.name if path.is_file() else file.relative_to(path).as_posix()), file


def below(folder: Path, known: tuple[str, ...], out: Path | None = None) -> Iterator[Path]:
    """Files with these endings, but for hidden ones, those in ``out``, and links that lead out of the folder."""
    root, ours = os.path.realpath(folder), os.path.realpath(out) if out else None
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if os.path.realpath(Path(at, name)) != ours]
        for path in (Path(at, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() in known and Path(os.path.realpath(path)).is_relative_to(root):
                yield path


def _apart(found: Sequence[Job]) -> None:
    """No output on an input, and no two on each other."""
    sources = {os.path.realpath(job.source) for job in found}
    over = [job for job in found if os.path.realpath(job.target) in sources]
    if over:
        hint = "nothing was touched; give another folder: -o FOLDER"
        raise OutputError(Problem(f"{str(over[0].target)!r} would be written over a photo", hints=(hint,)))
    targets: dict[str, Job] = {}
    for job in found:
        other = targets.setdefault(os.path.realpath(job.target), job)
        if other is not job:
            text = f"{str(other.source)!r} and {str(job.source)!r} would both be written to {str(job.target)!r}"
            raise RecipeError(Problem(text, hints=("enhance them into folders of their own",)))


def _refuse(odd: Sequence[Job], why: str, known: tuple[str, ...]) -> None:
    if odd:
        names = ", ".join(repr(str(job.source)) for job in odd[:SHOWN])
        raise RecipeError(Problem(f"{names}: {why}", hints=(f"known are {' '.join(known)}",)))


def _part(name: str, count: int) -> int:
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8]) % count
