"""What an objective computes of an image alone is computed once for each image, as far as memory or disk allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from zerokd.errors import PluginError, Problem
from zerokd.files.cache import cache_folder
from zerokd.objective.objective import NOTHING, Kept, Objective, Prepared
from zerokd.objective.precision import TF32
from zerokd.objective.stage_plan import Phase
from zerokd.proof.trial import equal
from zerokd.recipe.schema.speed import Speed
from zerokd.training.frozen_cache.cacheable import Keeping
from zerokd.training.frozen_cache.fingerprint import identity
from zerokd.training.frozen_cache.in_memory import InMemory, Share, items
from zerokd.training.frozen_cache.on_disk import OnDisk

CHECKED = 100  # one in so many uses of what is kept is computed again and compared
CLOSE = 1e-4  # by how much of its norm that may differ where an image is not computed by itself; on a CPU it is
COPIED = 2**22  # bytes that a CPU copies sooner than it calls a loss once more for each image


class Targets:
    """Keeps what is fixed of a stage's images in its ``store``; what has no room there is computed each time.

    On the CPU an image is computed by itself: then the layers of a network fit the processor's caches, and what is kept
    has the bits that it would have again. An image that is augmented does not come again, so nothing is kept of it.
    """

    def __init__(self, phase: Phase, objective: Objective, images: int, speed: Speed, device: torch.device):
        steps = phase.clock.steps
        labels = [label for label in objective.weights if objective.computed(label, steps).any()]
        self.keeping = Keeping(objective, labels, again=not phase.augmentations)
        self.empty = not self.keeping.names and not self.keeping.prepares
        self.computed = self.reused = 0
        self.close = 0.0 if device.type == "cpu" else TF32 if speed.tf32 else CLOSE
        self.store: InMemory | OnDisk | None = None
        if self.empty or phase.augmentations or not speed.room:
            return
        if speed.cache == "disk":
            self.store = OnDisk(cache_folder() / "targets", identity(self.keeping, device), speed.room)
        elif phase.epochs > 1:
            self.store = InMemory(images, speed.room)

    def of(self, low: Tensor, names: Sequence[str], keep: bool = True) -> Kept:
        """What the objective needs of these images (N, 3, H, W), by whose names it is kept.

        Raises:
            PluginError: something that was computed again is not what it was.
        """
        if self.empty:
            return NOTHING
        images = low.split(1)
        parts = images if low.device.type == "cpu" else (low,)
        if not keep:
            return _packed([self.keeping.compute(one) for one in parts])
        held = [self.store.known(*one) for one in zip(names, images, strict=True)] if self.store else []
        size = len(images) // len(parts)
        own = [slice(at, at + size) for at in range(0, len(images), size)]
        return _packed([self._some(held[at], one, names[at]) for at, one in zip(own, parts, strict=True)])

    @property
    def shares(self) -> tuple[Share, ...]:
        """What is kept of an image, and of how many."""
        return self.store.shares if self.store else ()

    def bytes_held(self) -> int:
        """Memory in use."""
        return self.store.bytes_held() if self.store else 0

    def account(self) -> dict[str, Any]:
        """What a disk had of this stage, and what it has now, for the manifest."""
        if not isinstance(self.store, OnDisk):
            return {}
        store = self.store
        told = {"maker": store.maker, "found": len(store.found), "computed": self.computed}
        return {"kept_on_disk": told | ({"trouble": store.trouble} if store.trouble else {})}

    def forget(self) -> None:
        """Give the memory back: the stage is over."""
        if self.store:
            self.store.forget()

    def _some(self, held: Sequence[Kept], low: Tensor, names: Sequence[str]) -> Kept:
        """What is known of images, made whole, and kept."""
        store, known = self.store, _alike(held)
        if len(known.tensors) == len(self.keeping.names) and len(known.prepared) == len(self.keeping.prepares):
            first = not self.reused and bool(store and store.found)  # of what another run left
            self.reused += len(names)
            if first or self.reused % CHECKED < len(names):
                self._compare(known, low, names)
            return known
        self.computed += len(names)
        made = self.keeping.compute(low, known)
        for row, name in enumerate(names):
            if store and held[row] is NOTHING:
                store.keep(name, low[row : row + 1], _row(made, row))
        return made

    def _compare(self, known: Kept, low: Tensor, names: Sequence[str]) -> None:
        """Hold what is kept of images to what is made of them now."""
        again = items(self.keeping.compute(low))
        for name, each in items(known).items():
            if not all(same(one, other, self.close) for one, other in zip(each, again[name], strict=True)):
                text = f"{name} of {', '.join(names)} is not what it was when it was computed first"
                hint = 'something that is frozen gives no image twice: [speed] cache = "off" computes it at each step'
                raise PluginError(Problem(text, hints=(hint,)))


def same(kept: Tensor, again: Tensor, close: float) -> bool:
    """Whether one computation gives both: by their bits, or as a whole and ``close`` to each other, as rounding leaves
    them where an image may be computed among others, by another algorithm."""
    if equal(kept, again):
        return True
    if not close or not kept.is_floating_point():
        return False
    away, size = (torch.linalg.vector_norm(one.float()) for one in (again - kept, kept))
    return bool(away <= max(close, torch.finfo(kept.dtype).eps) * size)


def _row(kept: Kept, row: int) -> Kept:
    """One image's part, without the memory of the others'."""

    def of(tensor: Tensor) -> Tensor:
        return tensor if len(tensor) == 1 else tensor[row : row + 1].clone()

    prepared = {label: (tuple(map(of, each)),) for label, (each,) in kept.prepared.items()}
    return Kept({name: of(one) for name, one in kept.tensors.items()}, prepared)


def _packed(parts: Sequence[Kept]) -> Kept:
    """What is kept of several images, as one batch. What is prepared stays apart on a CPU where it is large: a copy
    would cost more than going image by image."""
    if len(parts) == 1:
        return parts[0]
    tensors = {name: torch.cat([one.tensors[name] for one in parts]) for name in parts[0].tensors}
    prepared = {label: tuple(part for one in parts for part in one.prepared[label]) for label in parts[0].prepared}
    return Kept(tensors, {label: each if _large(each) else _joined(each) for label, each in prepared.items()})


def _alike(parts: Sequence[Kept]) -> Kept:
    """What is kept of images as one batch, if the same is kept of all of them."""
    if len(parts) == 1:
        return parts[0]
    return _packed(parts) if len({(*one.tensors, *one.prepared) for one in parts}) == 1 else NOTHING


def _large(parts: Sequence[Prepared]) -> bool:
    """Whether what was prepared, of as many images in each part, is too much to be copied."""
    return len(parts) * sum(one.nbytes for one in parts[0]) > COPIED and parts[0][0].device.type == "cpu"


def _joined(parts: Sequence[Prepared]) -> tuple[Prepared, ...]:
    return (tuple(torch.cat(each) for each in zip(*parts, strict=True)),)
