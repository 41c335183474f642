"""What an objective computes of an image alone is computed once for each image of a stage, as far as memory allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from attrs import frozen
from torch import Tensor

from zerokd.errors import PluginError, Problem
from zerokd.objective.keeping import Keeping
from zerokd.objective.objective import NOTHING, Kept, Objective, Prepared
from zerokd.recipe.components import Phase

CHECKED = 100  # one in so many uses of what is kept is computed again and compared
CLOSE = 1e-5  # by how much that may differ where an image is not computed by itself
COPIED = 2**22  # bytes that a CPU copies sooner than it calls a loss once more for each image


@frozen
class Share:
    """A fixed tensor or a prepared term: its ``bytes`` for one image, and for how many ``images`` there is room."""

    name: str
    bytes: int
    images: int


class Targets:
    """Keeps what is fixed of a stage's images, within ``room`` bytes; what has no room is computed each time.

    On the CPU an image is computed by itself: then the layers of a network fit the processor's caches, and what is kept
    has the bits that it would have again. An image that is augmented does not come again, so nothing is kept of it.
    """

    def __init__(self, phase: Phase, objective: Objective, images: int, room: int):
        steps = phase.clock.steps
        labels = [label for label in objective.weights if objective.computed(label, steps).any()]
        self.keeping = Keeping(objective, labels)
        self.images, self.room = images, room if phase.epochs > 1 and not phase.augmentations else 0
        self.shares: tuple[Share, ...] = ()
        self.computed = self.reused = 0
        self._held: dict[str, Kept] = {}

    def of(self, low: Tensor, names: Sequence[str], keep: bool = True) -> Kept:
        """What the objective needs of these images (N, 3, H, W), by whose names it is kept.

        Raises:
            PluginError: something that was computed again is not what it was.
        """
        if not self.keeping.names and not self.keeping.prepares:
            return NOTHING
        step = 1 if low.device.type == "cpu" else len(low)
        parts = [(low[at : at + step], names[at : at + step]) for at in range(0, len(low), step)]
        return _packed([self._some(*part) if keep else self.keeping.compute(part[0]) for part in parts])

    def bytes_held(self) -> int:
        """Memory in use."""
        return sum(one.nbytes for kept in self._held.values() for each in _items(kept).values() for one in each)

    def forget(self) -> None:
        """Give the memory back: the stage is over."""
        self._held.clear()

    def _some(self, low: Tensor, names: Sequence[str]) -> Kept:
        held = [self._held.get(name, NOTHING) for name in names]
        known = _packed(held) if len({(*one.tensors, *one.prepared) for one in held}) == 1 else NOTHING
        if len(known.tensors) == len(self.keeping.names) and len(known.prepared) == len(self.keeping.prepares):
            self.reused += len(names)
            if self.reused % CHECKED < len(names):
                self._compare(known, low, names)
            return known
        self.computed += len(names)
        found = self.keeping.compute(low, known)
        for row, name in enumerate(names):
            if self.room and name not in self._held:
                self._held[name] = self._chosen(found, row, len(self._held))
        return found

    def _chosen(self, found: Kept, row: int, place: int) -> Kept:
        """What is kept of an image, the ``place``-th of its stage: the smallest items first."""
        if not self.shares:
            sizes = {name: sum(one[:1].nbytes for one in each) for name, each in _items(found).items()}
            self.shares = tuple(_shared(sizes, self.images, self.room))
        kept = {share.name for share in self.shares if place < share.images}
        return Kept(
            {name: _row(one, row) for name, one in found.tensors.items() if name in kept},
            {
                label: (tuple(_row(one, row) for one in each),)
                for label, (each,) in found.prepared.items()
                if _told(label) in kept
            },
        )

    def _compare(self, known: Kept, low: Tensor, names: Sequence[str]) -> None:
        """Hold what is kept of images to what is made of them now."""
        again, close = _items(self.keeping.compute(low)), 0.0 if low.device.type == "cpu" else CLOSE
        for name, each in _items(known).items():
            pairs = zip(each, again[name], strict=True)
            if not all(torch.allclose(one, other, close, close, equal_nan=True) for one, other in pairs):
                text = f"{name} of {', '.join(names)} is not what it was when it was computed first"
                hint = 'something that is frozen gives no image twice: [speed] cache = "off" computes it at each step'
                raise PluginError(Problem(text, hints=(hint,)))


def _row(tensor: Tensor, row: int) -> Tensor:
    """One image's part, without the memory of the others'."""
    return tensor if len(tensor) == 1 else tensor[row : row + 1].clone()


def _shared(sizes: Mapping[str, int], images: int, room: int) -> Iterator[Share]:
    """Room for each item, the smallest first."""
    for name, size in sorted(sizes.items(), key=lambda item: (item[1], item[0])):
        fitting = min(images, room // size if size else images)
        room -= fitting * size
        yield Share(name, size, fitting)


def _told(label: str) -> str:
    return f"{label}, prepared"


def _items(kept: Kept) -> dict[str, tuple[Tensor, ...]]:
    """The same by names that differ."""
    return {name: (one,) for name, one in kept.tensors.items()} | {
        _told(label): tuple(one for part in parts for one in part) for label, parts in kept.prepared.items()
    }


def _packed(parts: Sequence[Kept]) -> Kept:
    """What is kept of several images, as one batch. What is prepared stays apart on a CPU where it is large: a copy
    would cost more than going image by image."""
    if len(parts) == 1:
        return parts[0]
    tensors = {name: torch.cat([one.tensors[name] for one in parts]) for name in parts[0].tensors}
    prepared = {label: tuple(part for one in parts for part in one.prepared[label]) for label in parts[0].prepared}
    return Kept(tensors, {label: each if _large(each) else _joined(each) for label, each in prepared.items()})


def _large(parts: Sequence[Prepared]) -> bool:
    tensors = [one for part in parts for one in part]
    return sum(one.nbytes for one in tensors) > COPIED and all(one.device.type == "cpu" for one in tensors)


def _joined(parts: Sequence[Prepared]) -> tuple[Prepared, ...]:
    return (tuple(torch.cat(each) for each in zip(*parts, strict=True)),)
