"""Cached tensors of images in files, which later stages and other runs find again."""

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
from zerokd.files.atomic import remove_stale_temporaries
from zerokd.files.sealed import read_sealed, write_sealed
from zerokd.objective.cached_tensors import NOTHING_CACHED, CachedTensors
from zerokd.training.frozen_cache.fingerprint import hash_tensors
from zerokd.training.frozen_cache.in_memory import CacheAllotment, Images

PREPARED_PREFIX = "prepared"
MAX_OPEN_FILES = 4096  # mapped at once: systems allow some ten thousand


@define(eq=False)
class DiskStore:
    """One file per image, named by the hash of its tensors, in the folder ``fingerprint`` of ``root``.

    The fingerprint is that of :func:`~zerokd.training.frozen_cache.fingerprint.compute_fingerprint`. All folders of
    ``root`` hold ``max_bytes`` at most: the least recently used other folder is deleted first, and if there is none,
    nothing more is written. A damaged file is not read, and written again. What killed processes left is removed.

    ``earlier_images`` were found in files of earlier runs or stages; ``write_error`` says why nothing more is written.
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

    def __attrs_post_init__(self) -> None:
        with suppress(OSError):
            remove_stale_temporaries([*self.root.iterdir()])

    @property
    def folder(self) -> Path:
        """The folder of this fingerprint."""
        return self.root / self.fingerprint

    def get(self, name: str, image: Images) -> CachedTensors:
        """What is cached of an image (1, C, H, W) by signal."""
        if name in self._skipped_images or (name not in self._open_files and not self._try_open(name, image)):
            return NOTHING_CACHED
        tensors, metadata = self._open_files[name]
        device = next(iter(image.values())).device
        # copied: the alignment of a tensor in a file may change the last bits of what is computed from it
        return _deserialize({key: value.to(device, copy=True) for key, value in tensors.items()}, metadata)

    def put(self, name: str, image: Images, cached: CachedTensors) -> None:
        """Write the file of an image, if it fits."""
        tensors, orders = _serialize(cached)
        self._bytes_per_image = size = sum(tensor.nbytes for tensor in tensors.values())
        try:
            if self._try_reserve(size):
                path = self._image_path(image)
                if path.is_dir():
                    shutil.rmtree(path)
                write_sealed(path, tensors, {"orders": orders, **self._identity(path)})
                self._free_bytes -= size
                self._written_images.add(name)
                return
            limit = f"{self.max_bytes / 2**30:g} GiB"
            self.write_error = self.write_error or f"{self.root} has reached its limit of {limit}"
        except OSError as error:
            self.write_error, self._free_bytes, self._other_folder_sizes = f"{self.folder}: {error.strerror}", 0, {}
        self._skipped_images.add(name)

    @property
    def allotments(self) -> tuple[CacheAllotment, ...]:
        """The bytes of an image's file, and how many images of this stage have one."""
        count = len(self._written_images | self.earlier_images)
        return (CacheAllotment("all of them, on disk", self._bytes_per_image, count),) if count else ()

    def memory_bytes(self) -> int:
        """0: only pages of files, which the system takes back when it needs memory."""
        return 0

    def release(self) -> None:
        """Close the files."""
        self._open_files.clear()

    def _image_path(self, image: Images) -> Path:
        return self.folder / f"{hash_tensors(*image.values())}.safetensors"

    def _identity(self, path: Path) -> dict[str, str]:
        """What a file says of itself: one of another image or fingerprint, under this name, is not used."""
        return {"fingerprint": self.fingerprint, "image": path.stem}

    def _try_open(self, name: str, image: Images) -> bool:
        path = self._image_path(image)
        if not path.is_file():
            return False
        try:
            tensors, metadata = read_sealed(path)
        except WeightsError:
            return False
        if any(metadata.get(key) != value for key, value in self._identity(path).items()):
            return False
        if name not in self._written_images | self.earlier_images:
            if not self.earlier_images:
                with suppress(OSError):
                    os.utime(self.folder)
            self.earlier_images.add(name)
        while len(self._open_files) >= MAX_OPEN_FILES:
            del self._open_files[next(iter(self._open_files))]
        self._open_files[name] = tensors, metadata
        self._bytes_per_image = sum(tensor.nbytes for tensor in tensors.values())
        return True

    def _try_reserve(self, size: int) -> bool:
        """Whether ``size`` bytes are free, after deleting other folders where that helps."""
        if not self._is_scanned:
            self.folder.mkdir(parents=True, exist_ok=True)
            os.utime(self.folder)
            folders = sorted(filter(Path.is_dir, self.root.iterdir()), key=lambda folder: folder.stat().st_mtime)
            self._other_folder_sizes = {folder: _folder_bytes(folder) for folder in folders}
            self._free_bytes = self.max_bytes - sum(self._other_folder_sizes.values())
            self._other_folder_sizes.pop(self.folder, None)
            self._is_scanned = True
        while size > self._free_bytes and self._other_folder_sizes:
            oldest = next(iter(self._other_folder_sizes))
            shutil.rmtree(oldest, ignore_errors=True)
            self._free_bytes += self._other_folder_sizes.pop(oldest)
        return size <= self._free_bytes


def _folder_bytes(folder: Path) -> int:
    """The bytes of a folder's files; another process may delete some meanwhile."""
    total = 0
    for path in folder.glob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _serialize(cached: CachedTensors) -> tuple[dict[str, Tensor], dict[str, list[int]]]:
    """Contiguous tensors by name, and the axis orders that restore their memory layout."""
    named = dict(cached.tensors) | {
        f"{PREPARED_PREFIX} {index} {label}": tensor
        for label, (part,) in cached.prepared_ports.items()
        for index, tensor in enumerate(part)
    }
    orders = {name: _axis_order(tensor) for name, tensor in named.items()}
    contiguous = {name: tensor.permute(orders[name]).contiguous() for name, tensor in sorted(named.items())}
    return contiguous, orders


def _axis_order(tensor: Tensor) -> list[int]:
    """The axes by stride, the largest first."""
    strides = tensor.stride()
    return sorted(range(tensor.ndim), key=lambda axis: -strides[axis])


def _deserialize(tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> CachedTensors:
    by_name = {name: tensor.permute(_invert_permutation(metadata["orders"][name])) for name, tensor in tensors.items()}
    prepared: dict[str, dict[int, Tensor]] = {}
    for name in [name for name in by_name if name.startswith(f"{PREPARED_PREFIX} ")]:
        _, index, label = name.split(" ", 2)
        prepared.setdefault(label, {})[int(index)] = by_name.pop(name)
    parts = {label: (tuple(part[index] for index in range(len(part))),) for label, part in prepared.items()}
    return CachedTensors(by_name, parts)


def _invert_permutation(order: list[int]) -> list[int]:
    return sorted(range(len(order)), key=order.__getitem__)
