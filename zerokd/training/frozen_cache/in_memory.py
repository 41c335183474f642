"""Cached tensors of images in memory, for one stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import frozen
from torch import Tensor

from zerokd.objective.cached_tensors import NOTHING_CACHED, CachedTensors

Images = Mapping[str, Tensor]  # tensors of images (N, C, H, W) by signal


@frozen
class CacheAllotment:
    """The memory of one cached item, a fixed tensor or a prepared term: bytes per image, and for how many images."""

    name: str
    bytes_per_image: int
    image_count: int


class MemoryStore:
    """Caches ``image_count`` images within ``max_bytes``, the smallest items first."""

    earlier_images: frozenset[str] = frozenset()  # no other stage or run has filled this memory

    def __init__(self, image_count: int, max_bytes: int):
        self.image_count, self.max_bytes = image_count, max_bytes
        self.allotments: tuple[CacheAllotment, ...] = ()
        self._cached_by_image: dict[str, CachedTensors] = {}

    def get(self, name: str, image: Images) -> CachedTensors:
        """What is cached of an image."""
        return self._cached_by_image.get(name, NOTHING_CACHED)

    def put(self, name: str, image: Images, cached: CachedTensors) -> None:
        """Cache the items of an image that fit."""
        if not self.allotments:
            sizes = {item: _count_bytes(tensors) for item, tensors in tensors_by_name(cached).items()}
            self.allotments = tuple(_allot(sizes, self.image_count, self.max_bytes))
        index = len(self._cached_by_image)
        items = {allotment.name for allotment in self.allotments if index < allotment.image_count}
        self._cached_by_image[name] = CachedTensors(
            {item: tensor for item, tensor in cached.tensors.items() if item in items},
            {label: parts for label, parts in cached.prepared_ports.items() if prepared_name(label) in items},
        )

    def memory_bytes(self) -> int:
        """Memory in use."""
        images = self._cached_by_image.values()
        return sum(_count_bytes(tensors) for cached in images for tensors in tensors_by_name(cached).values())

    def release(self) -> None:
        """Free the memory at the end of the stage."""
        self._cached_by_image.clear()


def _allot(sizes: Mapping[str, int], image_count: int, max_bytes: int) -> Iterator[CacheAllotment]:
    """Memory for each item, the smallest first."""
    for name, size in sorted(sizes.items(), key=lambda item: (item[1], item[0])):
        count = min(image_count, max_bytes // size if size else image_count)
        max_bytes -= count * size
        yield CacheAllotment(name, size, count)


def prepared_name(label: str) -> str:
    """The name of a prepared term among the items of :func:`tensors_by_name`."""
    return f"{label}, prepared"


def tensors_by_name(cached: CachedTensors) -> dict[str, tuple[Tensor, ...]]:
    """Fixed tensors and prepared terms under names that differ."""
    return {name: (tensor,) for name, tensor in cached.tensors.items()} | {
        prepared_name(label): tuple(tensor for part in parts for tensor in part)
        for label, parts in cached.prepared_ports.items()
    }


def _count_bytes(tensors: tuple[Tensor, ...]) -> int:
    return sum(tensor.nbytes for tensor in tensors)
