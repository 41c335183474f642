"""What a folder of photos is worth as training data, before any run."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from attrs import frozen
from PIL import Image

from zerokd.data.folder import Folder
from zerokd.errors import printable
from zerokd.measure.data_statistics import BINS, DataAccount, data_account

SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")


@frozen(eq=False)
class FolderAccount:
    """The images as a run sees them, the photos' ``sizes`` in pixels, smallest first, and in ``kinds`` how many of them
    are more than plain 8-bit upright RGB."""

    images: DataAccount
    sizes: tuple[tuple[int, int], ...]
    kinds: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "photos": len(self.images.names),
            "rejected": [{"name": name, "reason": reason} for name, reason in self.images.rejected],
            **self.images.as_json(),
            "sizes": {"smallest": list(self.sizes[0]), "largest": list(self.sizes[-1])},
            "kinds": self.kinds,
        }


def check_data(path: str, size: int, fit: str) -> FolderAccount:
    """Look at every photo in a folder, as a run that trains on it would.

    Raises:
        DataError: there is no such folder, or no usable photo in it.
    """
    images = data_account(Folder(path=path, size=size, fit=fit))
    return FolderAccount(images, *_kinds(Path(path).expanduser(), images.names))


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


def as_text(account: FolderAccount) -> str:
    """The same for a person, in lines of at most 80 columns where names are short."""
    images, smallest, largest = account.images, account.sizes[0], account.sizes[-1]
    lines = [
        f"{len(images.names)} usable photos, {smallest[0]}x{smallest[1]} to {largest[0]}x{largest[1]} pixels",
        *(f"  {count} {kind}" for kind, count in account.kinds.items() if count),
        f"{len(images.rejected)} files that cannot be used",
        *(f"  {printable(name)}: {reason}" for name, reason in images.rejected),
        f"{sum(len(group) - 1 for group in images.duplicates)} exact duplicates",
        *_some([f"  {_equal(group)}" for group in images.duplicates]),
        f"{len(images.near)} pairs that look alike, as photos of one scene do",
        *_some([f"  {printable(a)} ~ {printable(b)}" for a, b in images.near]),
        "mean brightness",
    ]
    most = max(images.histogram)
    for step, count in enumerate(images.histogram):
        bar = "#" * -(-40 * count // most)
        lines.append(f"  {step / BINS:.1f}-{(step + 1) / BINS:.1f} {count:>6} {bar}".rstrip())
    return "\n".join([*lines, images.verdict])


def _equal(group: tuple[str, ...], shown: int = 3) -> str:
    more = f" = {len(group) - shown} more" if len(group) > shown else ""
    return " = ".join(map(printable, group[:shown])) + more


def _some(lines: list[str], shown: int = 5) -> list[str]:
    return [*lines[:shown], *([f"  ... and {len(lines) - shown} more (--json has all)"] if len(lines) > shown else [])]
