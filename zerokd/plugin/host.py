"""Finds plugins, asks each for its records one implementation at a time, and keeps a broken one from harming the rest.

Built-ins register through the same hooks as strangers. pluggy's own entry-point loader stops at the first plugin that
fails to import; here every plugin is imported, registered and called on its own.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pluggy

from zerokd._version import __version__
from zerokd.errors import Problem, RecipeError
from zerokd.plugin import hookspecs
from zerokd.plugin.catalogue import Broken, Catalogue, Entry, Provider
from zerokd.plugin.specs import KINDS, Spec

GROUP = "zerokd"
BUILTIN = Provider("zerokd", __version__, builtin=True)
INTERRUPTS = (KeyboardInterrupt, GeneratorExit)  # not a plugin's doing; all else that it throws is its fault alone


def discover(files: Iterable[str | Path] = (), *, strict: bool = False) -> Catalogue:
    """Every component in reach: built-in, installed (entry points of group ``zerokd``), and from one-file plugins.

    ``ZEROKD_PLUGINS`` unset means all installed plugins, ``""`` none, ``"a,b"`` only those distributions.

    Raises:
        RecipeError: ``strict``, and one of ``files`` is broken.
    """
    files = list(files)
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    broken: list[Broken] = []
    providers: dict[str, Provider] = {}
    for provider, load in _candidates(files):
        key = f"{provider.name}#{len(providers)}"
        with _isolated(provider, broken):
            manager.register(load(), key)
            manager.check_pending()
            providers[key] = provider
        if key not in providers:
            manager.unregister(name=key)
    entries: list[Entry] = []
    for kind in KINDS:
        for implementation in getattr(manager.hook, f"zerokd_{kind}").get_hookimpls():
            provider = providers[implementation.plugin_name]
            with _isolated(provider, broken, f"zerokd_{kind}: "):
                entries += [Entry(_checked(record, kind), provider) for record in implementation.function()]
    asked_for = {Provider(Path(file).stem) for file in files}
    ills = [ill for ill in broken if ill.provider in asked_for]
    if strict and ills:
        raise RecipeError(*(Problem(f"plugin {ill.provider} is broken: {ill.reason}") for ill in ills))
    return Catalogue(tuple(entries), tuple(broken))


@contextmanager
def _isolated(provider: Provider, broken: list[Broken], where: str = "") -> Iterator[None]:
    """Whatever a plugin throws breaks that plugin, and nothing else."""
    try:
        yield
    except INTERRUPTS:
        raise
    except BaseException as fault:
        broken.append(Broken(provider, f"{where}{type(fault).__name__}: {fault}".rstrip(": ")))


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
    firsts: dict[str, str] = {}
    for real, path in {os.path.realpath(file): Path(file) for file in files}.items():
        yield Provider(path.stem), partial(_import_file, path, real, firsts.setdefault(path.stem, real))


def _import_file(path: Path, real: str, first: str) -> Any:
    if real != first:
        raise ImportError(f"{real} and {first} would both be named {path.stem!r}; rename one")
    digest = hashlib.sha256(os.fsencode(real)).hexdigest()[:8]  # two folders may each hold a file of this name
    name = f"zerokd_plugin_{re.sub(r'[^0-9a-zA-Z_]', '_', path.stem)}_{digest}"
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
