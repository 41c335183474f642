"""Every plugin that might be: built-in rooms, installed distributions, files; not yet imported."""

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
from zerokd.plugin.catalogue import Provider
from zerokd.plugin.kinds import KINDS

ENTRY_POINT_GROUP = "zerokd"
PLUGINS_VARIABLE = "ZEROKD_PLUGINS"
BUILTIN_PROVIDER = Provider("zerokd", __version__, builtin=True)


@frozen(eq=False)
class PluginCandidate:
    """Who provides a plugin, and a call that imports it; ``ill`` says why it is not even tried."""

    provider: Provider
    load: Callable[[], Any]
    skip_reason: str = ""


def find_candidates(plugin_files: Iterable[str | Path]) -> Iterator[PluginCandidate]:
    """All of them, in the order in which they are imported."""
    for kind in KINDS:
        yield PluginCandidate(BUILTIN_PROVIDER, partial(importlib.import_module, f"zerokd.{kind}"))
    yield from _installed_candidates()
    firsts: dict[str, str] = {}
    for real, path in {os.path.realpath(file): Path(file) for file in plugin_files}.items():
        provider = Provider(path.stem, path=real)
        yield PluginCandidate(provider, partial(_import_file, path, real, firsts.setdefault(path.stem, real)))


def canonicalize_name(name: str) -> str:
    """A distribution's name as packaging compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def is_enabled(name: str) -> bool:
    """Whether a distribution of that name is one to load."""
    wanted = _enabled_names()
    return wanted is None or canonicalize_name(name) in wanted


def _enabled_names() -> dict[str, str] | None:
    """The names that ``ZEROKD_PLUGINS`` gives, normalised and as written; None where all are wanted."""
    given = os.environ.get(PLUGINS_VARIABLE)
    return (
        None if given is None else {canonicalize_name(name): name.strip() for name in given.split(",") if name.strip()}
    )


def _installed_candidates() -> Iterator[PluginCandidate]:
    """The entry points of group ``zerokd``, of the chosen distributions; a chosen one that is not there is told."""
    wanted = _enabled_names()
    if wanted is not None and not wanted:
        return
    unreadable: list[str] = []
    points = [(_entry_point_provider(point), point) for point in _iterate_entry_points(unreadable)]
    for name in unreadable:
        yield PluginCandidate(Provider(name), object, "its metadata cannot be read: install it anew, or remove it")
    for provider, point in sorted(points, key=lambda pair: (pair[0].name, pair[1].name)):
        if wanted is None or canonicalize_name(provider.name) in wanted:
            yield PluginCandidate(provider, point.load, _describe_unmet_requirement(point.dist))
    names = {canonicalize_name(provider.name): provider.name for provider, _ in points}
    for name, written in (wanted or {}).items():
        if name not in names:
            hint = did_you_mean(written, names.values())[0]
            yield PluginCandidate(
                Provider(written), object, f"{PLUGINS_VARIABLE} names it, and it is not installed; {hint}"
            )


def _iterate_entry_points(unreadable_names: list[str]) -> Iterator[EntryPoint]:
    """One damaged distribution hides no other: where the quick way fails, each is asked alone."""
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
        return Provider(
            escape_unprintable(str(entry_point.dist.name)), escape_unprintable(str(entry_point.dist.version))
        )
    except Exception:  # metadata that cannot be read
        return Provider(escape_unprintable(entry_point.name))


def _describe_unmet_requirement(distribution: Distribution | None) -> str:
    """What a distribution's own metadata ask of zerokd and this version does not give."""
    from packaging.requirements import Requirement

    try:
        asked = [Requirement(text) for text in (distribution.requires if distribution else None) or ()]
        ours = [
            one
            for one in asked
            if canonicalize_name(one.name) == ENTRY_POINT_GROUP and (not one.marker or one.marker.evaluate())
        ]
    except Exception as error:
        return f"its requirements cannot be read: {error}"
    for our in ours:
        if not our.specifier.contains(__version__, prereleases=True):
            return f"it needs zerokd{our.specifier}, and this is {__version__}: pip install 'zerokd{our.specifier}'"
    return ""


def _import_file(path: Path, real_path: str, first_path: str) -> Any:
    if real_path != first_path:
        raise ImportError(f"{real_path} and {first_path} would both be named {path.stem!r}; rename one")
    digest = hashlib.sha256(os.fsencode(real_path)).hexdigest()[:8]  # two folders may each hold a file of this name
    name = f"zerokd_plugin_{re.sub(r'[^0-9a-zA-Z_]', '_', path.stem)}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # records name their class as "module:Class"; that import must find this very module
    spec.loader.exec_module(module)
    return module
