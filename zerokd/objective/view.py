"""Views: signals that an objective computes from others by an augmentation, such as a flipped input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from zerokd.errors import Place, calling_place
from zerokd.objective.signal_name import LOW, SignalName
from zerokd.objective.term import BoundTerm, signal_names
from zerokd.plugin.contracts import Augmentation


class View:
    """A signal that an objective computes from another one by an augmentation: a second view of an image.

    Args:
        augmentation: an :class:`~zerokd.Augmentation`, or the registered name of one; ``options`` are then its config.
        on: the signal that it changes. ``NAME(other)``, with the name of this view, is the same change, with the same
            random draws, of another signal.

    Examples:
        >>> import zerokd
        >>> zerokd.View("flip", on="low")
        View('flip', on='low')
    """

    def __init__(self, augmentation: str | Augmentation, *, on: str = LOW, **options: Any):
        self.augmentation, self.on, self.options = augmentation, on, options
        self.place = calling_place()

    def __repr__(self) -> str:
        named = isinstance(self.augmentation, str)
        first = repr(self.augmentation) if named else f"{type(self.augmentation).__name__}(...)"
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"View({first}, on={self.on!r}{options})"


@frozen(eq=False)
class BoundView:
    """The signal ``name``: an augmentation (``use`` is its registered name) on the signal ``source``.

    ``name(other)`` is the same change, with the same draws, of another signal.
    """

    name: str
    use: str
    augmentation: Augmentation
    source: str
    place: Place

    @property
    def draws_name(self) -> str:
        """The name of the tensor of draws."""
        return f"{self.name}.draws"

    @property
    def is_random(self) -> bool:
        """Whether the augmentation draws anything."""
        return self.draw([torch.Generator()]).numel() > 0

    def draw(self, generators: Sequence[torch.Generator]) -> Tensor:
        """The draws of images with these generators, (N, ...)."""
        return torch.stack([self.augmentation.draw(generator) for generator in generators])


def find_view_cycle(views: Mapping[str, BoundView]) -> tuple[str, ...]:
    """Views that are computed from each other; empty where there are none."""

    def follow(name: str, path: tuple[str, ...]) -> tuple[str, ...]:
        if name in path:
            return (*path[path.index(name) :], name)
        parts = SignalName.parse(views[name].source).walk() if name in views else ()
        names = {part.owner or part.output for part in parts}
        return next((cycle for part in sorted(names & views.keys()) if (cycle := follow(part, (*path, name)))), ())

    return next((cycle for name in views if (cycle := follow(name, ()))), ())


def select_input_names(terms: Iterable[BoundTerm], views: Mapping[str, BoundView]) -> set[str]:
    """The inputs and views that terms read, through models and other views too."""
    names: set[str] = set()
    pending = signal_names(terms)
    while pending:
        name = pending.pop()
        view_name = "" if name.is_of_model else name.owner or name.output
        if name.is_input or view_name in views:
            is_new = view_name not in names
            names.add(view_name)
            if is_new and name.is_input and view_name in views:
                pending += SignalName.parse(views[view_name].source).walk()
    return names
