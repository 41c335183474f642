"""Finds plugins, asks each for its records one implementation at a time, and keeps a broken one from harming the rest.

Built-ins register through the same hooks as strangers. pluggy's own entry-point loader stops at the first plugin that
fails to import; here every plugin is imported, registered and called on its own.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pluggy

from zerokd._version import __version__
from zerokd.plugin import hookspecs
from zerokd.plugin.catalogue import Broken, Catalogue, Entry, Provider
from zerokd.plugin.specs import KINDS, Spec

GROUP = "zerokd"
BUILTIN = Provider("zerokd", __version__, builtin=True)
FAULTS = (Exception, SystemExit)  # what a plugin's import or hook may throw at us without taking the others along


def discover(files: Iterable[str | Path] = ()) -> Catalogue:
    """Every component in reach: built-in, installed (entry points of group ``zerokd``), and from one-file plugins.

    ``ZEROKD_PLUGINS`` unset means all installed plugins, ``""`` none, ``"a,b"`` only those distributions.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    broken: list[Broken] = []
    providers: dict[str, Provider] = {}
    for provider, load in _candidates(files):
        key = f"{provider.name}#{len(providers)}"
        try:
            manager.register(load(), key)
            manager.check_pending()
            providers[key] = provider
        except FAULTS as fault:
            manager.unregister(name=key)
            broken.append(Broken(provider, _reason(fault)))
    entries: list[Entry] = []
    for kind in KINDS:
        for implementation in getattr(manager.hook, f"zerokd_{kind}").get_hookimpls():
            provider = providers[implementation.plugin_name]
            try:
                entries += [Entry(_checked(record, kind), provider) for record in implementation.function()]
            except FAULTS as fault:
                broken.append(Broken(provider, f"zerokd_{kind}: {_reason(fault)}"))
    return Catalogue(tuple(entries), tuple(broken))


def _candidates(files: Iterable[str | Path]) -> Iterator[tuple[Provider, Callable[[], Any]]]:
    """Every plugin that might be: who provides it, and a call that imports it."""
    for kind in KINDS:
        yield BUILTIN, partial(importlib.import_module, f"zerokd.{kind}")
    chosen = os.environ.get("ZEROKD_PLUGINS")
    for point in sorted(
        entry_points(group=GROUP), key=lambda point: (point.dist.name if point.dist else "", point.name)
    ):
        provider = Provider(point.dist.name, point.dist.version) if point.dist else Provider(point.name)
        if chosen is None or provider.name in [name.strip() for name in chosen.split(",")]:
            yield provider, point.load
    for file in map(Path, files):
        yield Provider(file.stem), partial(_import_file, file)


def _import_file(path: Path) -> Any:
    name = f"zerokd_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # records name their class as "module:Class"; that import must find this very module
    spec.loader.exec_module(module)
    return module


def _checked(record: Any, kind: str) -> Spec:
    if not isinstance(record, KINDS[kind]):
        raise TypeError(f"returned {type(record).__name__}, expected {KINDS[kind].__name__}")
    return record


def _reason(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {fault}".rstrip(": ")
