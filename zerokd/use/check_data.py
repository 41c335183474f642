"""What a folder of photos is worth as training data: what can be used, what is there twice, and how dark it is."""

from __future__ import annotations

import hashlib
import warnings
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import frozen
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from zerokd.data.folder import Folder
from zerokd.errors import printable

BINS = 10  # of the brightness histogram
DARK = 0.3  # mean brightness below which a photo counts as dark
LOW_LIGHT, MIXED = 0.75, 0.25  # shares of dark photos
ROWS, COLUMNS = 8, 9  # of the thumbnails that near duplicates are found by
NEAR_BITS, NEAR_LIKENESS = 3, 0.98  # of 64 bits that may differ, and the least correlation of two thumbnails
BANDS = 4  # of 16 bits: two hashes that differ in 3 bits agree in one of them
LARGEST_BAND = 200  # photos that share a band; more share it because they are flat, not because they are alike
LUMA = torch.tensor((0.299, 0.587, 0.114)).view(1, 3, 1, 1)  # ITU-R BT.601
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")


@frozen(eq=False)
class DataAccount:
    """``duplicates`` are groups of names whose pixels are equal, ``near`` pairs of names that look alike; ``levels`` is
    each photo's mean brightness in [0, 1]; ``kinds`` counts what files are beside plain 8-bit upright RGB."""

    names: tuple[str, ...]
    rejected: tuple[tuple[str, str], ...]
    duplicates: tuple[tuple[str, ...], ...]
    near: tuple[tuple[str, str], ...]
    levels: np.ndarray
    sizes: tuple[tuple[int, int], ...]
    kinds: dict[str, int]

    @property
    def dark(self) -> float:
        """Share of the photos that are dark."""
        return float((self.levels < DARK).mean())

    @property
    def histogram(self) -> list[int]:
        """Photos by mean brightness, in ten equal steps from black to white."""
        return np.histogram(self.levels, BINS, (0.0, 1.0))[0].tolist()

    @property
    def verdict(self) -> str:
        """Whether this is low-light data, in a sentence.

        For comparison, the share of dark photos in known sets: LOL's low half 98 %, LIME 89 %, DICM 44 %, the
        multi-exposure set that Zero-DCE was trained on 41 %, LOL's well-lit half 2 %.
        """
        share = f"{self.dark:.0%} of the photos are darker than {DARK:g} on average"
        if self.dark >= LOW_LIGHT:
            return f"this is low-light data: {share}"
        if self.dark >= MIXED:
            return f"this is data of mixed exposure: {share}"
        return f"this is NOT low-light data: only {share}; a student learns from it to leave photos alone"

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "photos": len(self.names),
            "rejected": [{"name": name, "reason": reason} for name, reason in self.rejected],
            "duplicates": [list(group) for group in self.duplicates],
            "near_duplicates": [list(pair) for pair in self.near],
            "brightness": {
                "mean": round(float(self.levels.mean()), 4),
                "dark_share": round(self.dark, 4),
                "histogram": self.histogram,
            },
            "verdict": self.verdict,
            "sizes": {"smallest": list(self.sizes[0]), "largest": list(self.sizes[-1])},
            "kinds": self.kinds,
        }


def check_data(path: str, size: int, fit: str) -> DataAccount:
    """Look at every photo in a folder, as a run that trains on it would.

    Raises:
        DataError: there is no such folder, or no usable photo in it.
    """
    data = Folder(path=path, size=size, fit=fit)
    names = tuple(data.name(index) for index in range(len(data)))
    groups: dict[bytes, list[str]] = defaultdict(list)
    thumbs, levels = [], []
    for index, name in enumerate(names):
        image = data[index]
        groups[hashlib.sha256(image.numpy().tobytes()).digest()].append(name)
        grey = (image.unsqueeze(0).float() / 255 * LUMA).sum(1, keepdim=True)
        thumbs.append(F.adaptive_avg_pool2d(grey, (ROWS, COLUMNS)).flatten())
        levels.append(float(grey.mean()))
    twins = tuple(tuple(group) for group in groups.values() if len(group) > 1)
    firsts = [names.index(group[0]) for group in groups.values()]
    near = tuple((names[a], names[b]) for a, b in _alike(torch.stack(thumbs), firsts))
    sizes, kinds = _kinds(Path(path).expanduser(), names)
    return DataAccount(names, data.rejected, twins, near, np.array(levels), sizes, kinds)


def _alike(thumbs: Tensor, chosen: list[int]) -> Iterator[tuple[int, int]]:
    """Pairs that look alike: a difference hash (rows of brighter or darker) finds them, a correlation decides."""
    bits = thumbs.view(-1, ROWS, COLUMNS).diff(dim=2).gt(0).flatten(1)
    bands: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for index in chosen:
        for band, part in enumerate(bits[index].numpy().reshape(BANDS, -1)):
            bands[band, part.tobytes()].append(index)
    centred = thumbs - thumbs.mean(1, keepdim=True)
    units = centred / centred.norm(dim=1, keepdim=True).clamp_min(1e-3)  # a flat photo is like no other
    groups = (sorted(group) for group in bands.values() if 1 < len(group) <= LARGEST_BAND)
    for a, b in sorted({pair for group in groups for pair in combinations(group, 2)}):
        if (bits[a] != bits[b]).sum() <= NEAR_BITS and units[a] @ units[b] >= NEAR_LIKENESS:
            yield a, b


def _kinds(root: Path, names: tuple[str, ...]) -> tuple[tuple[tuple[int, int], ...], dict[str, int]]:
    """Sizes in pixels, smallest first, and how many files are of a special kind; read from the files' headers alone."""
    sizes, kinds = [], dict.fromkeys(("16 bit", "grey", "transparent", "colour profile", "turned by EXIF"), 0)
    for name in names:
        with warnings.catch_warnings(action="ignore"), Image.open(root / name) as image:  # damaged EXIF turns nothing
            sizes.append(image.size)
            kinds["16 bit"] += image.mode in SIXTEEN_BIT
            kinds["grey"] += image.mode[0] in "L1I"
            kinds["transparent"] += image.has_transparency_data
            kinds["colour profile"] += bool(image.info.get("icc_profile"))
            kinds["turned by EXIF"] += image.getexif().get(0x0112, 1) != 1
    return tuple(sorted(sizes, key=lambda size: (size[0] * size[1], size))), kinds


def as_text(account: DataAccount) -> str:
    """The same for a person, in lines of at most 80 columns where names are short."""
    smallest, largest = account.sizes[0], account.sizes[-1]
    lines = [
        f"{len(account.names)} usable photos, {smallest[0]}x{smallest[1]} to {largest[0]}x{largest[1]} pixels",
        *(f"  {count} {kind}" for kind, count in account.kinds.items() if count),
        f"{len(account.rejected)} files that cannot be used",
        *(f"  {printable(name)}: {reason}" for name, reason in account.rejected),
        f"{sum(len(group) - 1 for group in account.duplicates)} exact duplicates",
        *_some([f"  {_equal(group)}" for group in account.duplicates]),
        f"{len(account.near)} pairs that look alike, as photos of one scene do",
        *_some([f"  {printable(a)} ~ {printable(b)}" for a, b in account.near]),
        "mean brightness",
    ]
    most = max(account.histogram)
    for step, count in enumerate(account.histogram):
        bar = "#" * -(-40 * count // most)
        lines.append(f"  {step / BINS:.1f}-{(step + 1) / BINS:.1f} {count:>6} {bar}".rstrip())
    return "\n".join([*lines, account.verdict])


def _equal(group: tuple[str, ...], shown: int = 3) -> str:
    more = f" = {len(group) - shown} more" if len(group) > shown else ""
    return " = ".join(map(printable, group[:shown])) + more


def _some(lines: list[str], shown: int = 5) -> list[str]:
    return [*lines[:shown], *([f"  ... and {len(lines) - shown} more (--json has all)"] if len(lines) > shown else [])]
