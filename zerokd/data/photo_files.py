"""The photo files in a folder: which there are, which belong together, and which are consecutive."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from zerokd.errors import DataError, Problem
from zerokd.files.photo_format import readable_suffixes


def resolve_folder(configured_path: str) -> Path:
    """The path of the folder; ``~`` is the home folder."""
    try:
        root = Path(configured_path).expanduser()
        wrong = "" if root.is_dir() else "is not a folder" if root.exists() else "does not exist"
    except (OSError, ValueError, RuntimeError) as error:
        wrong = f"cannot be used: {getattr(error, 'strerror', None) or error}"
    if wrong:
        hint = f"a relative path counts from the working directory, {Path.cwd()}"
        raise DataError(Problem(f"training folder {configured_path!r} {wrong}", hints=(hint,)))
    return root


def find_photo_files(root: Path) -> Iterator[tuple[str, Path, str]]:
    """Name and path of every file with the suffix of a photo, and "" or the reason for rejecting it unread.

    A link to a file counts as that file, wherever it leads; linked folders are not followed, since they may be circles.
    """

    def display_name(path: Path) -> str:
        return path.relative_to(root).as_posix().encode("utf-8", "backslashreplace").decode()

    unreadable: list[OSError] = []
    for folder, folders, files in os.walk(root, onerror=unreadable.append):
        for path in (Path(folder, name) for name in folders):
            if os.path.islink(path):  # unlike Path.is_symlink, never raises
                yield display_name(path), path, "linked folder, not followed"
        for path in (Path(folder, name) for name in files):
            if path.suffix.lower() in readable_suffixes():
                yield display_name(path), path, ""
    for error in unreadable:
        yield display_name(Path(error.filename)), Path(error.filename), f"cannot be listed: {error.strerror}"


def find_partners(names: Sequence[str], candidates: Sequence[str]) -> dict[str, str]:
    """The candidate that belongs to each name: the same path, else the same path with another suffix, if only one has
    it."""
    by_stem: dict[str, list[str]] = {}
    for candidate in candidates:
        by_stem.setdefault(_stem(candidate), []).append(candidate)
    exact = {*candidates}
    partners: dict[str, str] = {}
    for name in names:
        same_stem = by_stem.get(_stem(name), [])
        if name in exact:
            partners[name] = name
        elif len(same_stem) == 1:
            partners[name] = same_stem[0]
    return partners


def find_consecutive(names: Sequence[str], count: int) -> list[list[int]]:
    """Every run of ``count`` consecutive files of one folder, as positions in ``names``. Numbers in names count as
    numbers: ``9.png`` comes before ``10.png``."""
    by_folder: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        by_folder.setdefault(str(PurePosixPath(name).parent), []).append(position)
    runs = []
    for positions in by_folder.values():
        ordered = sorted(positions, key=lambda position: _natural_key(names[position]))
        runs += [ordered[start : start + count] for start in range(len(ordered) - count + 1)]
    return runs


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _natural_key(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
