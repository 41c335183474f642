"""What is computed once for an image, in memory for one stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import frozen
from torch import Tensor

from zerokd.objective.objective import NOTHING_CACHED, CachedTensors


@frozen
class CacheAllotment:
    """A fixed tensor or a prepared term: its ``bytes`` for one image, and for how many ``images`` there is room."""

    name: str
    bytes_per_image: int
    image_count: int


class MemoryStore:
    """Keeps what is made of a stage's ``images`` within ``room`` bytes, the smallest items first."""

    earlier_images: frozenset[str] = frozenset()

    def __init__(self, image_count: int, max_bytes: int):
        self.image_count, self.max_bytes = image_count, max_bytes
        self.allotments: tuple[CacheAllotment, ...] = ()
        self._cached_by_image: dict[str, CachedTensors] = {}

    def get(self, name: str, low: Tensor) -> CachedTensors:
        """What is kept of an image."""
        return self._cached_by_image.get(name, NOTHING_CACHED)

    def put(self, name: str, low: Tensor, cached: CachedTensors) -> None:
        """Keep what was made of an image, as far as there is room."""
        if not self.allotments:
            sizes = {item: sum(one.nbytes for one in each) for item, each in tensors_by_name(cached).items()}
            self.allotments = tuple(_allot(sizes, self.image_count, self.max_bytes))
        place = len(self._cached_by_image)
        kept = {share.name for share in self.allotments if place < share.image_count}
        self._cached_by_image[name] = CachedTensors(
            {item: one for item, one in cached.tensors.items() if item in kept},
            {label: each for label, each in cached.prepared_ports.items() if prepared_name(label) in kept},
        )

    def memory_bytes(self) -> int:
        """Memory in use."""
        return sum(
            one.nbytes
            for kept in self._cached_by_image.values()
            for each in tensors_by_name(kept).values()
            for one in each
        )

    def release(self) -> None:
        """Give the memory back: the stage is over."""
        self._cached_by_image.clear()


def _allot(sizes: Mapping[str, int], image_count: int, max_bytes: int) -> Iterator[CacheAllotment]:
    """Room for each item, the smallest first."""
    for name, size in sorted(sizes.items(), key=lambda item: (item[1], item[0])):
        fitting = min(image_count, max_bytes // size if size else image_count)
        max_bytes -= fitting * size
        yield CacheAllotment(name, size, fitting)


def prepared_name(label: str) -> str:
    """A prepared term's name among :func:`items`."""
    return f"{label}, prepared"


def tensors_by_name(cached: CachedTensors) -> dict[str, tuple[Tensor, ...]]:
    """The same by names that differ."""
    return {name: (one,) for name, one in cached.tensors.items()} | {
        prepared_name(label): tuple(one for part in parts for one in part)
        for label, parts in cached.prepared_ports.items()
    }
