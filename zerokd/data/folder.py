"""The photos in a folder."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import final

import torch
from pydantic import Field
from torch import Tensor

from zerokd import Data, DataConfig
from zerokd.data.photo import FitMode, read_training_image
from zerokd.errors import DataError, Problem
from zerokd.files.photo_format import MediaError, readable_suffixes

DECODING_THREADS = min(4, os.cpu_count() or 1)
MAX_LISTED_REJECTIONS = 3  # rejected files that an error names
PhotoEntry = tuple[str, Path, Tensor | None]  # name, path, and the image if memory allows


@final
class Folder(Data):
    """All photos below a folder, in the order of their paths.

    Every file is decoded once before training starts. Unusable ones are listed with a reason and left out, never
    replaced. Decoded images stay in memory up to ``cache_gib``; the others are decoded again on each access. Links that
    lead out of the folder are not followed.
    Pitfalls: a JPEG or TIFF whose data end early but properly is used: decoders fill in the missing rows.
    """

    class Config(DataConfig):
        path: str = Field(
            min_length=1,
            description="the folder, searched with its subfolders; ~ is the home folder",
            examples=["photos"],
        )
        fit: FitMode = Field(
            "crop", description='"crop" keeps the aspect ratio and crops both ends, "resize" stretches'
        )
        strict: bool = Field(False, description="refuse the folder if any photo in it is unusable")
        cache_gib: float = Field(4.0, ge=0.0, description="memory for decoded images, GiB")

    def __init__(self, **options: object):
        super().__init__(**options)
        candidates = sorted(_find_candidates(_resolve_folder(self.config.path)))
        cached_count = int(self.config.cache_gib * 2**30) // (3 * self.config.size**2)
        should_cache = (number < cached_count for number in range(len(candidates)))
        # the reasons of rejected files replace Pillow's warnings
        with ThreadPoolExecutor(DECODING_THREADS) as pool, warnings.catch_warnings(action="ignore"):
            outcomes = list(pool.map(self._scan_file, candidates, should_cache))
        self._photos = [photo for photo, reason in outcomes if not reason]
        self.rejected = tuple((photo[0], reason) for photo, reason in outcomes if reason)
        if not self._photos or (self.config.strict and self.rejected):
            raise DataError(self._build_rejection_problem())

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: int) -> Tensor:
        name, path, image = self._photos[index]
        if image is not None:
            return image
        try:
            return self._read_image(path)
        except MediaError as error:
            hint = "it was readable when the run started: restore it, or start a run without it"
            raise DataError(Problem(f"{name!r} in {self.config.path!r}: {error}", hints=(hint,))) from error

    def name(self, index: int) -> str:
        return self._photos[index][0]

    def _read_image(self, path: Path) -> Tensor:
        return torch.from_numpy(read_training_image(path, self.config.size, self.config.fit))

    def _scan_file(self, candidate: tuple[str, Path, str], should_cache: bool) -> tuple[PhotoEntry, str]:
        """The photo and "", or the reason for rejecting it."""
        name, path, reason = candidate
        if reason:
            return (name, path, None), reason
        try:
            image = self._read_image(path)
        except MediaError as error:
            return (name, path, None), str(error)
        return (name, path, image if should_cache else None), ""

    def _build_rejection_problem(self) -> Problem:
        hints = [f"{name!r}: {reason}" for name, reason in self.rejected[:MAX_LISTED_REJECTIONS]]
        if len(self.rejected) > MAX_LISTED_REJECTIONS:
            hints.append(f"... and {len(self.rejected) - MAX_LISTED_REJECTIONS} more")
        if self._photos:
            text = f"{len(self.rejected)} files in training folder {self.config.path!r} cannot be used"
            return Problem(text, hints=(*hints, "repair or remove them, or train without them: strict = false"))
        hints.append(f"zerokd looked for {' '.join(readable_suffixes())} in the folder and its subfolders")
        return Problem(f"no usable photo in training folder {self.config.path!r}", hints=tuple(hints))


def _resolve_folder(configured_path: str) -> Path:
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


def _find_candidates(root: Path) -> Iterator[tuple[str, Path, str]]:
    """Name and path of every file with the suffix of a photo, and "" or the reason for rejecting it unread."""

    def display_name(path: Path) -> str:
        return path.relative_to(root).as_posix().encode("utf-8", "backslashreplace").decode()

    unreadable: list[OSError] = []
    for folder, folders, files in os.walk(root, onerror=unreadable.append):
        for path in (Path(folder, name) for name in folders):
            if os.path.islink(path):  # unlike Path.is_symlink, never raises
                yield display_name(path), path, "linked folder, not followed"
        for path in (Path(folder, name) for name in files):
            if path.suffix.lower() in readable_suffixes():
                leads_out = os.path.exists(path) and not path.resolve().is_relative_to(root.resolve())
                yield display_name(path), path, "link that leads out of the folder" if leads_out else ""
    for error in unreadable:
        yield display_name(Path(error.filename)), Path(error.filename), f"cannot be listed: {error.strerror}"
