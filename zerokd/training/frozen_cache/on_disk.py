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
from zerokd.objective.objective import NOTHING, Kept
from zerokd.training.frozen_cache.fingerprint import digest
from zerokd.training.frozen_cache.in_memory import Share

PREPARED = "prepared"
OPEN = 4096  # files that are mapped at once: a system allows some ten thousand


@define(eq=False)
class OnDisk:
    """One file for each image, named after its pixels, in a folder whose name is the
    :func:`~zerokd.training.frozen_cache.fingerprint.identity` of what made it. ``root`` holds those of all
    makers, ``room`` bytes at most: what of others was not used for longest goes first, and when nothing is left to go,
    no more is kept.

    A file that is not what was written is not used, and is written anew. ``found`` are the images of earlier runs and
    stages; ``trouble`` says why nothing more is written.
    """

    root: Path
    maker: str
    room: int
    found: set[str] = field(factory=set)
    trouble: str = ""
    _own: set[str] = field(factory=set)
    _open: dict[str, tuple[dict[str, Tensor], dict[str, Any]]] = field(factory=dict)
    _without: set[str] = field(factory=set)
    _others: dict[Path, int] = field(factory=dict)
    _looked: bool = False
    _left: int = 0
    _size: int = 0

    @property
    def folder(self) -> Path:
        """Where the files of this maker are."""
        return self.root / self.maker

    def known(self, name: str, low: Tensor) -> Kept:
        """What is kept of an image (1, 3, H, W)."""
        if name in self._without or (name not in self._open and not self._opened(name, low)):
            return NOTHING
        tensors, facts = self._open[name]
        # copied, since how a tensor lies in a file may decide the last bits of what is made of it
        return _kept({key: one.to(low.device, copy=True) for key, one in tensors.items()}, facts)

    def keep(self, name: str, low: Tensor, made: Kept) -> None:
        """Keep what was made of an image, if there is room."""
        tensors, facts = _flat(made)
        self._size = size = sum(one.nbytes for one in tensors.values())
        try:
            if self._makes_room(size):
                write_weights(self._path(low), tensors, facts | {"sha256": digest(*tensors.values())})
                self._left -= size
                self._own.add(name)
                return
            self.trouble = self.trouble or f"{self.root} holds the {self.room / 2**30:g} GiB that it may"
        except OSError as fault:
            self.trouble, self._left, self._others = f"{self.folder}: {fault.strerror}", 0, {}
        self._without.add(name)

    @property
    def shares(self) -> tuple[Share, ...]:
        """What a file has of an image, and how many of this stage's images have one."""
        count = len(self._own | self.found)
        return (Share("all of it, on disk", self._size, count),) if count else ()

    def bytes_held(self) -> int:
        """Memory in use: none but pages of files, which the system takes back when it needs them."""
        return 0

    def forget(self) -> None:
        """Let go of the files; they stay."""
        self._open.clear()

    def _path(self, low: Tensor) -> Path:
        return self.folder / f"{digest(low)}.safetensors"

    def _opened(self, name: str, low: Tensor) -> bool:
        path = self._path(low)
        if not path.is_file():
            return False
        try:
            tensors, facts = read_weights(path)
        except WeightsError:
            return False
        if name not in self._own | self.found:
            if digest(*tensors.values()) != facts.get("sha256"):
                return False
            if not self.found:
                with suppress(OSError):
                    os.utime(self.folder)
            self.found.add(name)
        while len(self._open) >= OPEN:
            del self._open[next(iter(self._open))]
        self._open[name] = tensors, facts
        self._size = sum(one.nbytes for one in tensors.values())
        return True

    def _makes_room(self, size: int) -> bool:
        """Whether there are so many bytes left, if need be for others' that go."""
        if not self._looked:
            self.folder.mkdir(parents=True, exist_ok=True)
            os.utime(self.folder)
            makers = sorted((one for one in self.root.iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime)
            self._others = {one: _bytes_in(one) for one in makers}
            self._left = self.room - sum(self._others.values())
            self._others.pop(self.folder, None)
            self._looked = True
        while size > self._left and self._others:
            oldest = next(iter(self._others))
            shutil.rmtree(oldest, ignore_errors=True)
            self._left += self._others.pop(oldest)
        return size <= self._left


def _bytes_in(folder: Path) -> int:
    """Bytes of its files, of which another process may take some away meanwhile."""
    total = 0
    for path in folder.glob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _flat(kept: Kept) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Its tensors by name, laid out in order, and how to put them back."""
    named = dict(kept.tensors) | {
        f"{PREPARED} {place} {label}": one for label, (each,) in kept.prepared.items() for place, one in enumerate(each)
    }
    orders = {name: _order(one) for name, one in named.items()}
    return {name: one.permute(orders[name]).contiguous() for name, one in sorted(named.items())}, {"orders": orders}


def _order(tensor: Tensor) -> list[int]:
    """Its axes, from the one whose neighbours lie farthest apart."""
    strides = tensor.stride()
    return sorted(range(tensor.ndim), key=lambda axis: -strides[axis])


def _kept(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Kept:
    found = {name: one.permute(_inverse(facts["orders"][name])) for name, one in tensors.items()}
    prepared: dict[str, dict[int, Tensor]] = {}
    for name in [one for one in found if one.startswith(f"{PREPARED} ")]:
        _, place, label = name.split(" ", 2)
        prepared.setdefault(label, {})[int(place)] = found.pop(name)
    return Kept(found, {label: (tuple(each[n] for n in range(len(each))),) for label, each in prepared.items()})


def _inverse(order: list[int]) -> list[int]:
    return sorted(range(len(order)), key=order.__getitem__)
