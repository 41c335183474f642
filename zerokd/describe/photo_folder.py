"""A folder of photos as training data: unusable files, duplicates, sizes and brightness."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import frozen

from zerokd.data.folder import Folder
from zerokd.errors import escape_unprintable
from zerokd.files.photo_header import read_photo_header
from zerokd.measure.data_statistics import HISTOGRAM_BINS, DataStatistics, compute_data_statistics
from zerokd.phases import phase


@frozen(eq=False)
class FolderStatistics:
    """The images as a run sees them, the photos' ``sizes`` (width, height) from the smallest, and how many photos are
    not plain 8-bit upright RGB, by ``kinds``."""

    image_statistics: DataStatistics
    sizes: tuple[tuple[int, int], ...]
    kinds: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """Plain data, as ``zerokd check-data --json`` prints it."""
        return {
            "photos": len(self.image_statistics.names),
            "rejected": [{"name": name, "reason": reason} for name, reason in self.image_statistics.rejected],
            **self.image_statistics.as_json(),
            "sizes": {"smallest": list(self.sizes[0]), "largest": list(self.sizes[-1])},
            "kinds": self.kinds,
        }


def survey_folder(path: str, size: int, fit: str) -> FolderStatistics:
    """Read every photo in a folder, as a run that trains on it would.

    Raises:
        DataError: there is no such folder, or no usable photo in it.
    """
    with phase("reading photos"):
        folder = Folder(path=path, size=size, fit=fit)
    images = compute_data_statistics(folder)
    with phase("reading headers"):
        return FolderStatistics(images, *_read_sizes_and_kinds(Path(path).expanduser(), images.names))


def _read_sizes_and_kinds(root: Path, names: tuple[str, ...]) -> tuple[tuple[tuple[int, int], ...], dict[str, int]]:
    """Sizes and kinds from the files' headers alone."""
    sizes, kinds = [], dict.fromkeys(("16 bit", "grey", "transparent", "colour profile", "turned by EXIF"), 0)
    for name in names:
        header = read_photo_header(root / name)
        sizes.append((header.width, header.height))
        kinds["16 bit"] += header.is_16_bit
        kinds["grey"] += header.is_grey
        kinds["transparent"] += header.has_alpha
        kinds["colour profile"] += header.has_profile
        kinds["turned by EXIF"] += header.is_turned
    return tuple(sorted(sizes, key=lambda size: (size[0] * size[1], size))), kinds


def describe_folder(statistics: FolderStatistics) -> str:
    """The statistics for people, in 80 columns unless names are long."""
    images, smallest, largest = statistics.image_statistics, statistics.sizes[0], statistics.sizes[-1]
    lines = [
        f"{len(images.names)} usable photos, {smallest[0]}x{smallest[1]} to {largest[0]}x{largest[1]} pixels",
        *(f"  {count} {kind}" for kind, count in statistics.kinds.items() if count),
        f"{len(images.rejected)} unusable files",
        *(f"  {escape_unprintable(name)}: {reason}" for name, reason in images.rejected),
        f"{sum(len(group) - 1 for group in images.duplicates)} exact duplicates",
        *_truncate_lines([f"  {_format_duplicates(group)}" for group in images.duplicates]),
        f"{len(images.near_duplicates)} near-duplicate pairs, as photos of one scene are",
        *_truncate_lines([f"  {escape_unprintable(a)} ~ {escape_unprintable(b)}" for a, b in images.near_duplicates]),
        "mean brightness",
    ]
    highest = max(images.histogram)
    for step, count in enumerate(images.histogram):
        bar = "#" * -(-40 * count // highest)
        lines.append(f"  {step / HISTOGRAM_BINS:.1f}-{(step + 1) / HISTOGRAM_BINS:.1f} {count:>6} {bar}".rstrip())
    return "\n".join([*lines, images.verdict])


def _format_duplicates(group: tuple[str, ...], limit: int = 3) -> str:
    more = f" = {len(group) - limit} more" if len(group) > limit else ""
    return " = ".join(map(escape_unprintable, group[:limit])) + more


def _truncate_lines(lines: list[str], limit: int = 5) -> list[str]:
    return [
        *lines[:limit],
        *([f"  ... and {len(lines) - limit} more (--json lists all)"] if len(lines) > limit else []),
    ]
