"""What is computed once for an image, in memory for one stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import frozen
from torch import Tensor

from zerokd.objective.objective import NOTHING, Kept


@frozen
class Share:
    """A fixed tensor or a prepared term: its ``bytes`` for one image, and for how many ``images`` there is room."""

    name: str
    bytes: int
    images: int


class InMemory:
    """Keeps what is made of a stage's ``images`` within ``room`` bytes, the smallest items first."""

    found: frozenset[str] = frozenset()

    def __init__(self, images: int, room: int):
        self.images, self.room = images, room
        self.shares: tuple[Share, ...] = ()
        self._held: dict[str, Kept] = {}

    def known(self, name: str, low: Tensor) -> Kept:
        """What is kept of an image."""
        return self._held.get(name, NOTHING)

    def keep(self, name: str, low: Tensor, made: Kept) -> None:
        """Keep what was made of an image, as far as there is room."""
        if not self.shares:
            sizes = {item: sum(one.nbytes for one in each) for item, each in items(made).items()}
            self.shares = tuple(_shared(sizes, self.images, self.room))
        place = len(self._held)
        kept = {share.name for share in self.shares if place < share.images}
        self._held[name] = Kept(
            {item: one for item, one in made.tensors.items() if item in kept},
            {label: each for label, each in made.prepared.items() if told(label) in kept},
        )

    def bytes_held(self) -> int:
        """Memory in use."""
        return sum(one.nbytes for kept in self._held.values() for each in items(kept).values() for one in each)

    def forget(self) -> None:
        """Give the memory back: the stage is over."""
        self._held.clear()


def _shared(sizes: Mapping[str, int], images: int, room: int) -> Iterator[Share]:
    """Room for each item, the smallest first."""
    for name, size in sorted(sizes.items(), key=lambda item: (item[1], item[0])):
        fitting = min(images, room // size if size else images)
        room -= fitting * size
        yield Share(name, size, fitting)


def told(label: str) -> str:
    """A prepared term's name among :func:`items`."""
    return f"{label}, prepared"


def items(kept: Kept) -> dict[str, tuple[Tensor, ...]]:
    """The same by names that differ."""
    return {name: (one,) for name, one in kept.tensors.items()} | {
        told(label): tuple(one for part in parts for one in part) for label, parts in kept.prepared.items()
    }
