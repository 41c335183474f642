"""The photos in a folder."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import final

import torch
from pydantic import Field
from torch import Tensor

from zerokd import Data, DataConfig
from zerokd.data.photo import FitMode, describe_size_mismatch, read_training_image
from zerokd.data.photo_files import (
    find_consecutive,
    find_partners,
    find_photo_files,
    resolve_folder,
)
from zerokd.errors import DataError, Problem
from zerokd.files.photo_format import MediaError, readable_suffixes

DECODING_THREADS = min(4, os.cpu_count() or 1)
MAX_LISTED_REJECTIONS = 3  # rejected files that an error names
PhotoEntry = tuple[str, Path, Tensor | None]  # name, path, and the image if memory allows


@final
class Folder(Data):
    """All photos below a folder, in the order of their paths.

    Every file is decoded once before training starts. Unusable ones are listed with a reason and left out, never
    replaced. Decoded images stay in memory up to ``cache_gib``; the others are decoded again on each access. A link
    to a photo counts as a photo; linked folders are not followed.

    With ``references`` each photo needs a well-lit version of the same name there, in any format: terms and metrics may
    then read the signal ``reference``. What has no partner is listed as unusable. With ``frames`` an image is so many
    consecutive files of one folder, such as the frames of a video or the photos of a burst: ``low``, ``low_2``, ...
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
        references: str | None = Field(
            None,
            min_length=1,
            description="the folder of the well-lit versions; a relative path counts from ``path``",
            examples=["../high"],
        )
        frames: int = Field(1, ge=1, le=8, description="consecutive files that an image consists of")
        strict: bool = Field(False, description="refuse the folder if any photo in it is unusable")
        cache_gib: float = Field(4.0, ge=0.0, description="memory for decoded images, GiB")

    def __init__(self, **options: object):
        super().__init__(**options)
        root, frames = resolve_folder(self.config.path), self.config.frames
        candidates = sorted(find_photo_files(root))
        self._partners: dict[str, PhotoEntry] = {}
        unpaired = self._pair_references(root, candidates) if self.config.references else {}
        candidates = [(name, path, reason or unpaired.get(name, "")) for name, path, reason in candidates]
        photos, rejected = self._scan_files(candidates)
        names = [name for name, _, _ in photos]
        runs = find_consecutive(names, frames) if frames > 1 else [[position] for position in range(len(names))]
        self._images = [[photos[position] for position in run] for run in runs]
        further_frames = tuple(f"low_{number}" for number in range(2, frames + 1))
        self.low_signals = ("low", *further_frames)
        self.signals = (*self.low_signals, *(["reference"] if self.config.references else []))
        self.rejected = (*rejected, *((name, reason) for name, reason in unpaired.items() if name.startswith("../")))
        if not self._images or (self.config.strict and self.rejected):
            raise DataError(self._build_rejection_problem(bool(photos)))

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Tensor:
        return self._load(self._images[index][0])

    def name(self, index: int) -> str:
        return self._images[index][0][0]

    def reference(self, index: int) -> Tensor | None:
        return self._load(self._partners[self.name(index)]) if self.config.references else None

    def tensor(self, index: int, signal: str) -> Tensor:
        if signal in self.low_signals:
            return self._load(self._images[index][self.low_signals.index(signal)])
        return super().tensor(index, signal)

    def _load(self, photo: PhotoEntry) -> Tensor:
        name, path, image = photo
        if image is not None:
            return image
        try:
            return self._read_image(path)
        except MediaError as error:
            hint = "it was readable when the run started: restore it, or start a run without it"
            raise DataError(Problem(f"{name!r} in {self.config.path!r}: {error}", hints=(hint,))) from error

    def _pair_references(self, root: Path, candidates: list[tuple[str, Path, str]]) -> dict[str, str]:
        """Decode the references; returns the names that have no usable partner, with the reason."""
        folder = resolve_folder(str(root / Path(str(self.config.references)).expanduser()))
        photos, rejected = self._scan_files(sorted(find_photo_files(folder)))
        by_name = {photo[0]: photo for photo in photos}
        partners = find_partners([name for name, _, _ in candidates], [*by_name])
        self._partners = {name: by_name[partner] for name, partner in partners.items()}
        where = f"no usable photo of that name in {self.config.references!r}"
        reasons = {name: where for name, _, _ in candidates if name not in partners}
        for name, path, _ in candidates:
            if name in partners:
                reasons |= {name: text} if (text := describe_size_mismatch(path, self._partners[name][1])) else {}
        unused = by_name.keys() - partners.values()
        orphans = {f"../{folder.name}/{name}": "a reference without a photo" for name in sorted(unused)}
        return reasons | orphans | {f"../{folder.name}/{name}": reason for name, reason in rejected}

    def _scan_files(
        self, candidates: Sequence[tuple[str, Path, str]]
    ) -> tuple[list[PhotoEntry], list[tuple[str, str]]]:
        """The usable photos, and the rejected files with a reason."""
        shares = 2 if self.config.references else 1
        cached_count = int(self.config.cache_gib * 2**30) // (3 * self.config.size**2) // shares
        should_cache = (number < cached_count for number in range(len(candidates)))
        # the reasons of rejected files replace Pillow's warnings
        with ThreadPoolExecutor(DECODING_THREADS) as pool, warnings.catch_warnings(action="ignore"):
            outcomes = list(pool.map(self._scan_file, candidates, should_cache))
        return [photo for photo, reason in outcomes if not reason], [(p[0], reason) for p, reason in outcomes if reason]

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

    def _build_rejection_problem(self, has_photos: bool) -> Problem:
        hints = [f"{name!r}: {reason}" for name, reason in self.rejected[:MAX_LISTED_REJECTIONS]]
        if len(self.rejected) > MAX_LISTED_REJECTIONS:
            hints.append(f"... and {len(self.rejected) - MAX_LISTED_REJECTIONS} more")
        if self._images:
            text = f"{len(self.rejected)} files in training folder {self.config.path!r} cannot be used"
            return Problem(text, hints=(*hints, "repair or remove them, or train without them: strict = false"))
        if has_photos:
            text = f"no {self.config.frames} usable photos in one folder of {self.config.path!r}"
            return Problem(text, hints=(*hints, "frames counts consecutive files of one folder"))
        hints.append(f"zerokd looked for {' '.join(readable_suffixes())} in the folder and its subfolders")
        return Problem(f"no usable photo in training folder {self.config.path!r}", hints=tuple(hints))
