"""``[requires]``: the distributions that a recipe rests on, and their versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from zerokd.errors import Problem
from zerokd.plugin.candidates import PLUGINS_VARIABLE, canonicalize_name, is_enabled
from zerokd.plugin.catalogue import Catalogue
from zerokd.recipe.toml.document import Document


def find_unmet_requirements(requires: Mapping[str, str], document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """What a recipe asks for and is not there, is another version, is broken, or was left out; each at its place."""
    for name, asked in requires.items():
        place = document.value_place(("requires", name))
        install = f"pip install '{name}{asked if asked.strip() != '*' else ''}'"
        try:
            wanted = SpecifierSet("" if asked.strip() == "*" else asked)
        except InvalidSpecifier:
            hint = 'write ">=0.1", ">=0.1,<1", "==0.3.0", or "*" for any'
            yield Problem(f"{asked!r} is no version specifier", place, (hint,), code="requires")
            continue
        try:
            found = version(name)
        except (PackageNotFoundError, ValueError):
            yield Problem(f"the recipe requires {name}, which is not installed", place, (install,), code="requires")
            continue
        if not wanted.contains(found, prereleases=True):
            yield Problem(
                f"the recipe requires {name}{wanted}, and {found} is installed", place, (install,), code="requires"
            )
            continue
        ills = [
            ill.reason
            for ill in catalogue.broken_plugins
            if canonicalize_name(ill.provider.name) == canonicalize_name(name)
        ]
        serves = any(canonicalize_name(entry.provider.name) == canonicalize_name(name) for entry in catalogue.entries)
        if ills and not serves:
            yield Problem(f"the recipe requires {name}, which is broken: {ills[0]}", place, (install,), code="requires")
        elif not is_enabled(name):
            hint = f"{PLUGINS_VARIABLE} or --no-plugins says so"
            yield Problem(
                f"the recipe requires {name}, which is installed and left out", place, (hint,), code="requires"
            )
