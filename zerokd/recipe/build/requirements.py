"""``[requires]``: the distributions that a recipe needs, and their versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from zerokd.errors import Problem
from zerokd.plugin.candidates import PLUGINS_VARIABLE, canonicalize_name, is_enabled
from zerokd.plugin.catalogue import Catalogue
from zerokd.recipe.toml.document import Document


def find_unmet_requirements(requires: Mapping[str, str], document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """A problem for each required distribution that is missing, broken, disabled, or of another version."""
    for name, requirement in requires.items():
        place = document.value_place(("requires", name))
        specifier = "" if requirement.strip() == "*" else requirement
        install = f"pip install '{name}{specifier}'"
        try:
            versions = SpecifierSet(specifier)
        except InvalidSpecifier:
            hint = 'write ">=0.1", ">=0.1,<1", "==0.3.0", or "*" for any'
            yield Problem(f"{requirement!r} is not a version specifier", place, (hint,), code="requires")
            continue
        try:
            installed = version(name)
        except (PackageNotFoundError, ValueError):
            yield Problem(f"the recipe requires {name}, which is not installed", place, (install,), code="requires")
            continue
        if not versions.contains(installed, prereleases=True):
            text = f"the recipe requires {name}{versions}, and {installed} is installed"
            yield Problem(text, place, (install,), code="requires")
            continue
        distribution = canonicalize_name(name)
        reasons = [
            plugin.reason
            for plugin in catalogue.broken_plugins
            if canonicalize_name(plugin.provider.name) == distribution
        ]
        works = any(canonicalize_name(entry.provider.name) == distribution for entry in catalogue.entries)
        if reasons and not works:
            text = f"the recipe requires {name}, which is broken: {reasons[0]}"
            yield Problem(text, place, (install,), code="requires")
        elif not is_enabled(name):
            hint = f"{PLUGINS_VARIABLE} or --no-plugins disables it"
            yield Problem(f"the recipe requires {name}, which is disabled", place, (hint,), code="requires")
