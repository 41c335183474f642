"""What all components have in common: they are built from a config that is checked."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import BaseModel

from zerokd.plugin.config import Config

EMPTY_MAPPING: Mapping[str, Any] = MappingProxyType({})


class Component:
    """A class built from its validated :class:`Config`: ``Ssim(window=7)`` in Python, ``use = "ssim"`` in a recipe.

    A component that had to use something else than it was asked for, because its config allowed that, says so in
    ``fallbacks``; one whose config has a known pitfall says that in ``cautions``. The run prints both and writes them
    into the manifest. ``sources`` is what it read from outside, with its SHA-256.

    Two declarations are for the conformance kit, :mod:`zerokd.testing`: ``examples`` are configs to try it with (by
    default one: what a recipe must give, the rest left to the defaults), and ``known_failures`` names the checks that
    it cannot pass, each with the reason; one that passes after all is a failure of its own.
    """

    Config: ClassVar[type[BaseModel]] = Config
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ()
    known_failures: ClassVar[Mapping[str, str]] = EMPTY_MAPPING
    config: Any
    fallbacks: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    sources: Mapping[str, str] = EMPTY_MAPPING

    def __init__(self, **options: Any):
        super().__init__()
        self.config = type(self).Config(**options)
