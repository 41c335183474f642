"""Candidate plugins: built-in packages, installed distributions and files, none imported yet."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from pathlib import Path
from typing import Any

from attrs import frozen

from zerokd._version import __version__
from zerokd.errors import did_you_mean, escape_unprintable
from zerokd.files.regular import open_regular
from zerokd.plugin.catalogue import Provider
from zerokd.plugin.kinds import KINDS

ENTRY_POINT_GROUP = "zerokd"
PLUGINS_VARIABLE = "ZEROKD_PLUGINS"
BUILTIN_PROVIDER = Provider("zerokd", __version__, builtin=True)


@frozen(eq=False)
class PluginCandidate:
    """A plugin's provider, and a call that imports it; a ``skip_reason`` prevents the import."""

    provider: Provider
    load: Callable[[], Any]
    skip_reason: str = ""


def find_candidates(plugin_files: Iterable[str | Path]) -> Iterator[PluginCandidate]:
    """Yield every candidate, in the order of import."""
    for kind in KINDS:
        yield PluginCandidate(BUILTIN_PROVIDER, partial(importlib.import_module, f"zerokd.{kind}"))
    yield from _installed_candidates()
    firsts: dict[str, str] = {}
    for real, path in {os.path.realpath(file): Path(file) for file in plugin_files}.items():
        provider = Provider(path.stem, path=real)
        yield PluginCandidate(provider, partial(_import_file, path, real, firsts.setdefault(path.stem, real)))


def canonicalize_name(name: str) -> str:
    """Return a distribution's name as packaging compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def is_enabled(name: str) -> bool:
    """Whether ``ZEROKD_PLUGINS`` allows a distribution of that name."""
    names = _enabled_names()
    return names is None or canonicalize_name(name) in names


def _enabled_names() -> dict[str, str] | None:
    """The names in ``ZEROKD_PLUGINS``, canonical to written; None if it is unset."""
    value = os.environ.get(PLUGINS_VARIABLE)
    return (
        None if value is None else {canonicalize_name(name): name.strip() for name in value.split(",") if name.strip()}
    )


def _installed_candidates() -> Iterator[PluginCandidate]:
    """Yield the entry points of enabled distributions, and a skipped candidate for each enabled one that is missing."""
    enabled = _enabled_names()
    if enabled is not None and not enabled:
        return
    unreadable: list[str] = []
    points = [(_entry_point_provider(point), point) for point in _iterate_entry_points(unreadable)]
    for name in unreadable:
        yield PluginCandidate(Provider(name), object, "its metadata cannot be read: reinstall or remove it")
    for provider, point in sorted(points, key=lambda pair: (pair[0].name, pair[1].name)):
        if enabled is None or canonicalize_name(provider.name) in enabled:
            yield PluginCandidate(provider, point.load, _describe_unmet_requirement(point.dist))
    installed = {canonicalize_name(provider.name): provider.name for provider, _ in points}
    for name, written in (enabled or {}).items():
        if name not in installed:
            hint = did_you_mean(written, installed.values())[0]
            yield PluginCandidate(
                Provider(written), object, f"{PLUGINS_VARIABLE} names it, but it is not installed; {hint}"
            )


def _iterate_entry_points(unreadable_names: list[str]) -> Iterator[EntryPoint]:
    """Yield entry points; if one distribution is damaged, read each by itself, so that it hides no other."""
    try:
        yield from entry_points(group=ENTRY_POINT_GROUP)
    except Exception:
        for distribution in distributions():
            try:
                yield from distribution.entry_points.select(group=ENTRY_POINT_GROUP)
            except Exception:
                unreadable_names.append(escape_unprintable(str(getattr(distribution, "_path", "a distribution"))))


def _entry_point_provider(entry_point: EntryPoint) -> Provider:
    try:
        assert entry_point.dist is not None
        name, version = str(entry_point.dist.name), str(entry_point.dist.version)
        return Provider(escape_unprintable(name), escape_unprintable(version))
    except Exception:  # metadata that cannot be read
        return Provider(escape_unprintable(entry_point.name))


def _describe_unmet_requirement(distribution: Distribution | None) -> str:
    """Describe the requirement on zerokd, in a distribution's metadata, that this version does not meet."""
    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(text) for text in (distribution.requires if distribution else None) or ()]
        on_zerokd = [
            requirement
            for requirement in requirements
            if canonicalize_name(requirement.name) == ENTRY_POINT_GROUP
            and (not requirement.marker or requirement.marker.evaluate())
        ]
    except Exception as error:
        return f"its requirements cannot be read: {error}"
    for specifier in (requirement.specifier for requirement in on_zerokd):
        if not specifier.contains(__version__, prereleases=True):
            return f"it needs zerokd{specifier}, and this is {__version__}: pip install 'zerokd{specifier}'"
    return ""


def _import_file(path: Path, real_path: str, first_path: str) -> Any:
    if real_path != first_path:
        raise ImportError(f"{real_path} and {first_path} would have the same name {path.stem!r}; rename one")
    open_regular(path).close()
    digest = hashlib.sha256(os.fsencode(real_path)).hexdigest()[:8]  # two folders may hold a file of this name
    name = f"zerokd_plugin_{re.sub(r'[^0-9a-zA-Z_]', '_', path.stem)}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a record's "module:Class" must import this module
    spec.loader.exec_module(module)
    return module
