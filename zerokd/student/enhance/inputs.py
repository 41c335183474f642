"""The files to enhance, and where each result goes."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from attrs import frozen

from zerokd.errors import DataError, OutputError, Problem, RecipeError
from zerokd.files.photo_format import LOADERS_BY_SUFFIX

OTHER_MEDIA_SUFFIXES = (  # a result with such an ending is meant as a file, not as a folder
    ".gif", ".apng", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".jfif", ".svg", ".pdf", ".ico", ".psd", ".exr", ".hdr",
    ".dng", ".cr2", ".cr3", ".nef", ".arw", ".ppm", ".pgm", ".tga", ".npy", ".mts", ".m2ts", ".ts", ".mpg", ".mpeg",
    ".wmv", ".flv", ".3gp", ".ogv", ".vob", ".mxf", ".y4m", ".h264", ".hevc", ".mp3", ".wav", ".m4a", ".flac",
)  # fmt: skip
MAX_NAMED_FILES = 3  # files that an error names
MAX_NAMED_KINDS = 8  # endings that a line names
LINKED_FOLDER = "linked folder, not followed"
NO_SUFFIXES: Mapping[str, str] = MappingProxyType({})


@frozen
class Job:
    """A file to read and the file to write. ``name`` does not depend on where the folders are."""

    name: str
    source: Path
    target: Path


class FileStatus(Enum):
    """The outcome of a job; of a damaged file the result has what could be read."""

    DONE = "done"
    DAMAGED = "damaged"
    UP_TO_DATE = "up to date"
    FAILED = "failed"


@frozen
class FileReport:
    """The outcome of the job ``name``; ``message`` is the reason of a failure, the damage, or what the result lacks."""

    name: str
    status: FileStatus
    message: str = ""


def collect_jobs(
    inputs: Sequence[Path],
    out: Path,
    suffixes: Iterable[str],
    shard: tuple[int, int] = (1, 1),
    result_suffixes: Mapping[str, str] = NO_SUFFIXES,
    skipped: Counter[str] | None = None,
) -> list[Job]:
    """One job for each input file, and for each file with one of the ``suffixes`` in an input folder or below it.

    Results go into the folder ``out``, in the subfolders of their sources; a single file may name its result instead.

    Args:
        shard: (i, n) selects the i-th of n parts. A file's name alone determines its part.
        result_suffixes: by suffix, what is appended to the name of a result of another format.
        skipped: counts files in folders that have another suffix, by suffix.

    Raises:
        DataError: an input does not exist, or there is nothing to do.
        RecipeError: an input or the result is of another kind, or two results would have the same path.
        OutputError: a result would overwrite an input, or ``out`` is a file.
    """
    known_suffixes = tuple(suffixes)
    _require_existing(inputs)
    writable_suffixes = set(known_suffixes) - set(result_suffixes)
    if len(inputs) == 1 and inputs[0].is_file() and out.suffix.lower() in writable_suffixes and not out.is_dir():
        jobs = [Job(inputs[0].name, inputs[0], out)]
    else:
        _reject_file_name(out, known_suffixes)
        if out.exists() and not out.is_dir():
            raise OutputError(Problem(f"{str(out)!r} is a file", hints=("several photos need a folder",)))
        jobs = [
            Job(name, path, out / (name + result_suffixes.get(path.suffix.lower(), "")))
            for name, path in _list_files(inputs, known_suffixes, out, skipped)
        ]
    if not jobs:
        hints = [f"looked for files with the endings {' '.join(known_suffixes)}"]
        hints += [describe_skipped(skipped)] if skipped else []
        raise DataError(Problem(f"nothing to enhance in {', '.join(map(str, inputs))}", hints=tuple(hints)))
    _reject_unknown_kinds(jobs, known_suffixes)
    _check_targets(jobs)
    index, count = shard
    return [job for job in jobs if _shard_index(job.name, count) == index - 1]


def _require_existing(paths: Sequence[Path]) -> None:
    missing = [path for path in paths if not os.path.exists(path)]
    if missing:
        raise DataError(*(Problem(f"{str(path)!r} does not exist") for path in missing))


def _list_files(
    inputs: Sequence[Path], suffixes: tuple[str, ...], out: Path, skipped: Counter[str] | None
) -> Iterator[tuple[str, Path]]:
    """Name and path of every file, once."""
    known: set[str] = set()
    for path in inputs:
        files = [path] if path.is_file() else sorted(find_files(path, suffixes, out, skipped))
        for file in files:
            real_path = os.path.realpath(file)
            if real_path not in known:
                known.add(real_path)
                yield (file.name if path.is_file() else file.relative_to(path).as_posix()), file


def find_files(
    folder: Path, suffixes: tuple[str, ...], out: Path | None = None, skipped: Counter[str] | None = None
) -> Iterator[Path]:
    """Files with these suffixes, without hidden ones and those in ``out``. A link to a file counts as that file; linked
    folders are not followed, since they may be circles.

    Args:
        skipped: counts the files with other suffixes, and the linked folders.
    """
    out_path = os.path.realpath(out) if out else None
    for parent, subfolders, names in os.walk(folder):
        subfolders[:] = [name for name in subfolders if os.path.realpath(Path(parent, name)) != out_path]
        if skipped is not None:
            skipped.update(LINKED_FOLDER for name in subfolders if os.path.islink(Path(parent, name)))
        for path in (Path(parent, name) for name in names if not name.startswith(".")):
            suffix = path.suffix.lower()
            if suffix not in suffixes:
                if skipped is not None:
                    skipped[suffix] += 1
            else:
                yield path


def describe_skipped(skipped: Mapping[str, int]) -> str:
    """One line, such as "Skipping 3 files of other kinds: 2 .gif, 1 .heic"; empty without any."""
    if not skipped:
        return ""
    total = sum(skipped.values())
    kinds = sorted(skipped.items(), key=lambda kind: (-kind[1], kind[0]))
    named = [f"{count} {suffix or 'without ending'}" for suffix, count in kinds[:MAX_NAMED_KINDS]]
    more = sum(count for _, count in kinds[MAX_NAMED_KINDS:])
    named += [f"{more} more"] if more else []
    return f"Skipping {total} file{'' if total == 1 else 's'} of other kinds: {', '.join(named)}"


def _check_targets(jobs: Sequence[Job]) -> None:
    """No result may overwrite an input, or another result."""
    sources = {os.path.realpath(job.source) for job in jobs}
    overwriting = [job for job in jobs if os.path.realpath(job.target) in sources]
    if overwriting:
        hint = "nothing was changed; give another folder: -o FOLDER"
        raise OutputError(Problem(f"{str(overwriting[0].target)!r} would overwrite a photo", hints=(hint,)))
    targets: dict[str, Job] = {}
    for job in jobs:
        other = targets.setdefault(os.path.realpath(job.target), job)
        if other is not job:
            text = f"{str(other.source)!r} and {str(job.source)!r} would both be written to {str(job.target)!r}"
            raise RecipeError(Problem(text, hints=("enhance them into separate folders",)))


def _reject_unknown_kinds(jobs: Sequence[Job], suffixes: tuple[str, ...]) -> None:
    unknown = [repr(str(job.source)) for job in jobs if job.source.suffix.lower() not in suffixes]
    if unknown:
        text = f"zerokd cannot enhance this kind of file: {', '.join(unknown[:MAX_NAMED_FILES])}"
        lacking = {job.source.suffix.lower() for job in jobs} & set(LOADERS_BY_SUFFIX) - set(suffixes)
        hints = [f"this machine's libvips has no decoder for {suffix}" for suffix in sorted(lacking)]
        raise RecipeError(Problem(text, hints=(*hints, f"it reads {' '.join(suffixes)}")))


def _reject_file_name(out: Path, suffixes: tuple[str, ...]) -> None:
    """A name that is meant as a file's is no folder."""
    suffix = out.suffix.lower()
    if out.exists() or suffix not in (*suffixes, *OTHER_MEDIA_SUFFIXES):
        return
    if suffix in suffixes:
        text, hints = f"{str(out)!r} names a file, but several files need a folder", []
    else:
        text, hints = f"zerokd cannot write {suffix} files: {str(out)!r}", [f"it writes {' '.join(suffixes)}"]
    raise RecipeError(Problem(text, hints=(*hints, "for a folder of this name, create it first")))


def _shard_index(name: str, shard_count: int) -> int:
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8]) % shard_count
