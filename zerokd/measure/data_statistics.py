"""Statistics of a data source: duplicates, and how dark its images are."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum
from itertools import combinations
from typing import Any

import numpy as np
import torch
from attrs import frozen
from torch import Tensor
from torch.nn import functional as F

from zerokd.phases import phase
from zerokd.plugin.contracts import Data

HISTOGRAM_BINS = 10
DARK_THRESHOLD = 0.3  # mean brightness below which a photo counts as dark
LOW_LIGHT_SHARE, MIXED_SHARE = 0.75, 0.25  # least shares of dark photos
HASH_ROWS, HASH_COLUMNS = 8, 9  # of the thumbnails that near duplicates are found with
MAX_DIFFERENT_BITS, MIN_CORRELATION = 3, 0.98  # of two near duplicates: of 64 bits, and of thumbnails
HASH_BANDS = 4  # of 16 bits: two hashes that differ in 3 bits agree in at least one band
MAX_BAND_SIZE = 200  # more photos share a band because they are flat, not because they are alike
LUMA_WEIGHTS = torch.tensor((0.299, 0.587, 0.114)).view(1, 3, 1, 1)  # ITU-R BT.601


class LightLevel(StrEnum):
    """Whether a data source is low-light data."""

    LOW_LIGHT = "low light"
    MIXED = "mixed exposure"
    BRIGHT = "bright"


@frozen(eq=False)
class DataStatistics:
    """Statistics of a data source.

    ``rejected`` are pairs of a file and the reason why it cannot be used. ``duplicates`` are groups of names whose
    pixels are equal, ``near_duplicates`` pairs of names that look alike; ``brightness`` is each image's mean in
    [0, 1].
    """

    names: tuple[str, ...]
    rejected: tuple[tuple[str, str], ...]
    duplicates: tuple[tuple[str, ...], ...]
    near_duplicates: tuple[tuple[str, str], ...]
    brightness: np.ndarray

    @property
    def dark_share(self) -> float:
        """Share of the images that are dark."""
        return float((self.brightness < DARK_THRESHOLD).mean())

    @property
    def histogram(self) -> list[int]:
        """Counts of images by mean brightness, in ten equal bins from black to white."""
        return np.histogram(self.brightness, HISTOGRAM_BINS, (0.0, 1.0))[0].tolist()

    @property
    def light_level(self) -> LightLevel:
        """Whether this is low-light data.

        For comparison, the share of dark photos in known sets: LOL's low half 98 %, LIME 89 %, DICM 44 %, the
        multi-exposure set that Zero-DCE was trained on 41 %, LOL's well-lit half 2 %.
        """
        if self.dark_share >= LOW_LIGHT_SHARE:
            return LightLevel.LOW_LIGHT
        return LightLevel.MIXED if self.dark_share >= MIXED_SHARE else LightLevel.BRIGHT

    @property
    def verdict(self) -> str:
        """The light level in a sentence."""
        share = f"{self.dark_share:.0%} of the images are darker than {DARK_THRESHOLD:g} on average"
        if self.light_level is LightLevel.LOW_LIGHT:
            return f"this is low-light data: {share}"
        if self.light_level is LightLevel.MIXED:
            return f"this is data of mixed exposure: {share}"
        return f"this is NOT low-light data: only {share}; a student learns from it to leave photos alone"

    def as_json(self, with_names: bool = True) -> dict[str, Any]:
        """Plain data; without the names of duplicates, their counts."""
        duplicates, near = [list(group) for group in self.duplicates], [list(pair) for pair in self.near_duplicates]
        return {
            "duplicates": duplicates if with_names else sum(len(group) - 1 for group in duplicates),
            "near_duplicates": near if with_names else len(near),
            "brightness": {
                "mean": round(float(self.brightness.mean()), 4),
                "dark_share": round(self.dark_share, 4),
                "histogram": self.histogram,
            },
            "verdict": self.verdict,
        }


def compute_data_statistics(data: Data) -> DataStatistics:
    """Read every image of a data source."""
    names = tuple(data.name(index) for index in range(len(data)))
    groups: dict[bytes, list[int]] = defaultdict(list)
    thumbnails: list[Tensor] = []
    brightness: list[float] = []
    with phase(lambda: f"comparing images: {len(brightness)} of {len(names)}"):
        for index in range(len(names)):
            image = data[index]
            groups[hashlib.sha256(image.numpy().tobytes()).digest()].append(index)
            grey = (image.unsqueeze(0).float() / 255 * LUMA_WEIGHTS).sum(1, keepdim=True)
            thumbnails.append(F.adaptive_avg_pool2d(grey, (HASH_ROWS, HASH_COLUMNS)).flatten())
            brightness.append(float(grey.mean()))
    duplicates = tuple(tuple(names[index] for index in group) for group in groups.values() if len(group) > 1)
    near = _find_near_duplicates(torch.stack(thumbnails), [group[0] for group in groups.values()])
    near_duplicates = tuple((names[a], names[b]) for a, b in near)
    return DataStatistics(names, data.rejected, duplicates, near_duplicates, np.array(brightness))


def _find_near_duplicates(thumbnails: Tensor, indices: list[int]) -> Iterator[tuple[int, int]]:
    """Pairs that look alike: a difference hash finds candidates, the correlation of thumbnails decides."""
    bits = thumbnails.view(-1, HASH_ROWS, HASH_COLUMNS).diff(dim=2).gt(0).flatten(1)
    bands: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for index in indices:
        for band, part in enumerate(bits[index].numpy().reshape(HASH_BANDS, -1)):
            bands[band, part.tobytes()].append(index)
    centred = thumbnails - thumbnails.mean(1, keepdim=True)
    units = centred / centred.norm(dim=1, keepdim=True).clamp_min(1e-3)  # a flat photo resembles no other
    groups = (sorted(group) for group in bands.values() if 1 < len(group) <= MAX_BAND_SIZE)
    for a, b in sorted({pair for group in groups for pair in combinations(group, 2)}):
        if (bits[a] != bits[b]).sum() <= MAX_DIFFERENT_BITS and units[a] @ units[b] >= MIN_CORRELATION:
            yield a, b
