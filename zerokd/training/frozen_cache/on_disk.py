"""What is computed once for an image, in files that later stages and other runs find again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import define, field
from torch import Tensor

from zerokd.errors import WeightsError
from zerokd.files.weights import read_weights, write_weights
from zerokd.objective.objective import NOTHING_CACHED, CachedTensors
from zerokd.training.frozen_cache.fingerprint import hash_tensors
from zerokd.training.frozen_cache.in_memory import CacheAllotment

PREPARED_PREFIX = "prepared"
MAX_OPEN_FILES = 4096  # files that are mapped at once: a system allows some ten thousand


@define(eq=False)
class DiskStore:
    """One file for each image, named after its pixels, in a folder whose name is the
    :func:`~zerokd.training.frozen_cache.fingerprint.compute_fingerprint` of what made it. ``root`` holds those of all
    makers, ``room`` bytes at most: what of others was not used for longest goes first, and when nothing is left to go,
    no more is kept.

    A file that is not what was written is not used, and is written anew. ``found`` are the images of earlier runs and
    stages; ``trouble`` says why nothing more is written.
    """

    root: Path
    fingerprint: str
    max_bytes: int
    earlier_images: set[str] = field(factory=set)
    write_error: str = ""
    _written_images: set[str] = field(factory=set)
    _open_files: dict[str, tuple[dict[str, Tensor], dict[str, Any]]] = field(factory=dict)
    _skipped_images: set[str] = field(factory=set)
    _other_folder_sizes: dict[Path, int] = field(factory=dict)
    _is_scanned: bool = False
    _free_bytes: int = 0
    _bytes_per_image: int = 0

    @property
    def folder(self) -> Path:
        """Where the files of this maker are."""
        return self.root / self.fingerprint

    def get(self, name: str, low: Tensor) -> CachedTensors:
        """What is kept of an image (1, 3, H, W)."""
        if name in self._skipped_images or (name not in self._open_files and not self._try_open(name, low)):
            return NOTHING_CACHED
        tensors, facts = self._open_files[name]
        # copied, since how a tensor lies in a file may decide the last bits of what is made of it
        return _deserialize({key: one.to(low.device, copy=True) for key, one in tensors.items()}, facts)

    def put(self, name: str, low: Tensor, cached: CachedTensors) -> None:
        """Keep what was made of an image, if there is room."""
        tensors, facts = _serialize(cached)
        self._bytes_per_image = size = sum(tensor.nbytes for tensor in tensors.values())
        try:
            if self._try_reserve(size):
                write_weights(self._image_path(low), tensors, facts | {"sha256": hash_tensors(*tensors.values())})
                self._free_bytes -= size
                self._written_images.add(name)
                return
            self.write_error = self.write_error or f"{self.root} holds the {self.max_bytes / 2**30:g} GiB that it may"
        except OSError as error:
            self.write_error, self._free_bytes, self._other_folder_sizes = f"{self.folder}: {error.strerror}", 0, {}
        self._skipped_images.add(name)

    @property
    def allotments(self) -> tuple[CacheAllotment, ...]:
        """What a file has of an image, and how many of this stage's images have one."""
        count = len(self._written_images | self.earlier_images)
        return (CacheAllotment("all of it, on disk", self._bytes_per_image, count),) if count else ()

    def memory_bytes(self) -> int:
        """Memory in use: none but pages of files, which the system takes back when it needs them."""
        return 0

    def release(self) -> None:
        """Let go of the files; they stay."""
        self._open_files.clear()

    def _image_path(self, low: Tensor) -> Path:
        return self.folder / f"{hash_tensors(low)}.safetensors"

    def _try_open(self, name: str, low: Tensor) -> bool:
        path = self._image_path(low)
        if not path.is_file():
            return False
        try:
            tensors, facts = read_weights(path)
        except WeightsError:
            return False
        if name not in self._written_images | self.earlier_images:
            if hash_tensors(*tensors.values()) != facts.get("sha256"):
                return False
            if not self.earlier_images:
                with suppress(OSError):
                    os.utime(self.folder)
            self.earlier_images.add(name)
        while len(self._open_files) >= MAX_OPEN_FILES:
            del self._open_files[next(iter(self._open_files))]
        self._open_files[name] = tensors, facts
        self._bytes_per_image = sum(tensor.nbytes for tensor in tensors.values())
        return True

    def _try_reserve(self, size: int) -> bool:
        """Whether there are so many bytes left, if need be for others' that go."""
        if not self._is_scanned:
            self.folder.mkdir(parents=True, exist_ok=True)
            os.utime(self.folder)
            makers = sorted((one for one in self.root.iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime)
            self._other_folder_sizes = {maker: _folder_bytes(maker) for maker in makers}
            self._free_bytes = self.max_bytes - sum(self._other_folder_sizes.values())
            self._other_folder_sizes.pop(self.folder, None)
            self._is_scanned = True
        while size > self._free_bytes and self._other_folder_sizes:
            oldest = next(iter(self._other_folder_sizes))
            shutil.rmtree(oldest, ignore_errors=True)
            self._free_bytes += self._other_folder_sizes.pop(oldest)
        return size <= self._free_bytes


def _folder_bytes(folder: Path) -> int:
    """Bytes of its files, of which another process may take some away meanwhile."""
    total = 0
    for path in folder.glob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _serialize(cached: CachedTensors) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Its tensors by name, laid out in order, and how to put them back."""
    named = dict(cached.tensors) | {
        f"{PREPARED_PREFIX} {place} {label}": one
        for label, (each,) in cached.prepared_ports.items()
        for place, one in enumerate(each)
    }
    orders = {name: _axis_order(one) for name, one in named.items()}
    return {name: one.permute(orders[name]).contiguous() for name, one in sorted(named.items())}, {"orders": orders}


def _axis_order(tensor: Tensor) -> list[int]:
    """Its axes, from the one whose neighbours lie farthest apart."""
    strides = tensor.stride()
    return sorted(range(tensor.ndim), key=lambda axis: -strides[axis])


def _deserialize(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> CachedTensors:
    found = {name: one.permute(_invert_permutation(facts["orders"][name])) for name, one in tensors.items()}
    prepared: dict[str, dict[int, Tensor]] = {}
    for name in [one for one in found if one.startswith(f"{PREPARED_PREFIX} ")]:
        _, place, label = name.split(" ", 2)
        prepared.setdefault(label, {})[int(place)] = found.pop(name)
    return CachedTensors(
        found, {label: (tuple(each[n] for n in range(len(each))),) for label, each in prepared.items()}
    )


def _invert_permutation(order: list[int]) -> list[int]:
    return sorted(range(len(order)), key=order.__getitem__)
