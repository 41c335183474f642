"""The base of all components: built from a validated config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import BaseModel

from zerokd.plugin.config import Config

EMPTY_MAPPING: Mapping[str, Any] = MappingProxyType({})


class Component:
    """A class built from its validated :class:`Config`: ``Ssim(window=7)`` in Python, ``use = "ssim"`` in a recipe.

    ``fallbacks`` reports what a component uses instead of what its config asks for, where the config allows that;
    ``cautions`` reports known pitfalls of its config. The run prints both and writes them to the manifest. ``sources``
    names the external file that it has read, ``weights``, and its ``sha256``. Caches of what the component computes
    depend on them, and a run resumes only with the same ones. A model with ``sources`` takes no weights from a recipe.

    The conformance kit, :mod:`zerokd.testing`, reads two declarations: ``examples`` are configs to test (by default
    one, with the required keys only), and ``known_failures`` maps each check that the component cannot pass to the
    reason; a known failure that passes fails the kit. A component that needs files has :meth:`write_example`.
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

    @classmethod
    def write_example(cls, folder: Path) -> Mapping[str, Any]:
        """Write the files that its ``examples`` need into a folder; returns the config keys that name them."""
        return {}
