"""Finds plugins, asks each for its records one implementation at a time, and keeps a broken one from harming the rest.

Built-ins register through the same hooks as strangers. pluggy's own entry-point loader stops at the first plugin that
fails to import; here every plugin is imported, registered and called on its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pluggy

from zerokd._version import API_VERSION, __version__
from zerokd.errors import Problem, RecipeError, did_you_mean
from zerokd.plugin import hookspecs
from zerokd.plugin.catalogue import Broken, Catalogue, Entry, Note
from zerokd.plugin.found import Candidate, candidates
from zerokd.plugin.isolation import isolated
from zerokd.plugin.specs import KINDS, SINGULAR, Spec

HOOKS = {f"zerokd_{kind}": kind for kind in KINDS}
MOST = 1000  # records of one hook; a generator may have no end
MARK = f"{hookspecs.PROJECT}_impl"  # what pluggy's marker leaves on a hook


def discover(files: Iterable[str | Path] = (), *, strict: bool = False) -> Catalogue:
    """Every component in reach: built-in, installed (entry points of group ``zerokd``), and from one-file plugins.

    ``ZEROKD_PLUGINS`` unset means all installed plugins, ``""`` none, ``"a,b"`` only those distributions.

    Raises:
        RecipeError: ``strict``, and one of ``files`` is broken.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    entries: list[Entry] = []
    broken: list[Broken] = []
    notes: list[Note] = []
    asked_for = []
    for number, one in enumerate(candidates(list(files))):
        ills: list[str] = [one.ill] if one.ill else []
        told: list[str] = []
        found = [] if one.ill else list(_records(manager, f"{one.provider.name}#{number}", one, ills, told))
        entries += [Entry(record, one.provider) for record in found]
        if not (found or ills or one.provider.builtin):
            told.append(f"registers nothing: no hook of it ({', '.join(HOOKS)}) returns a record")
        broken += [Broken(one.provider, ill) for ill in ills]
        notes += [Note(one.provider, text) for text in told]
        asked_for += [Broken(one.provider, ill) for ill in ills if one.provider.path]
    if strict and asked_for:
        raise RecipeError(
            *(Problem(f"plugin {ill.provider} is broken: {ill.reason}", code="plugin-broken") for ill in asked_for)
        )
    return Catalogue(tuple(entries), tuple(broken), tuple(notes))


def _records(
    manager: pluggy.PluginManager, key: str, one: Candidate, ills: list[str], notes: list[str]
) -> Iterator[Spec]:
    """What a plugin registers. A hook that fails, or returns one wrong record, gives none; the other hooks stay."""
    with isolated(ills, notes):
        plugin = one.load()
        _check_module(plugin)
        manager.register(plugin, key)
    if ills or not manager.has_plugin(key):
        return
    for hook, kind in HOOKS.items():
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.plugin_name == key:
                found: list[Spec] = []
                with isolated(ills, notes, f"{hook}: "):
                    found = _checked(implementation.function(), kind)
                yield from found


def _check_module(plugin: Any) -> None:
    """What can be wrong with a plugin before any hook is called."""
    wanted = getattr(plugin, "ZEROKD_API", API_VERSION)
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        raise TypeError(f"ZEROKD_API is {wanted!r}, not a number")
    if wanted > API_VERSION:
        raise ImportError(f"written for plugin API {wanted}; zerokd {__version__} has {API_VERSION}: upgrade zerokd")
    for name in dir(plugin):
        thing = getattr(plugin, name, None)
        options = getattr(thing, MARK, None) if callable(thing) else None
        marked = isinstance(options, dict)
        hook = options.get("specname") or name if isinstance(options, dict) else name
        if isinstance(options, dict) and hook not in HOOKS and not options.get("optionalhook"):
            raise LookupError(f"unknown hook {hook!r}; {did_you_mean(hook, HOOKS)[0]}")
        if not marked and callable(thing) and name in HOOKS and getattr(thing, "__module__", None) == _name(plugin):
            raise LookupError(f"{name} is not marked as a hook: write @zerokd.hookimpl above it")


def _name(plugin: Any) -> str | None:
    return getattr(plugin, "__name__", None)


def _checked(records: Any, kind: str) -> list[Spec]:
    wanted = KINDS[kind]
    if records is None or isinstance(records, str | Spec):
        raise TypeError(f"returned {type(records).__name__}, expected a list of {wanted.__name__}")
    found = list(islice(records, MOST + 1))
    if len(found) > MOST:
        raise ValueError(f"returned more than {MOST} records")
    for record in found:
        if not isinstance(record, wanted):
            raise TypeError(f"returned {type(record).__name__}, expected {wanted.__name__}")
    twice = [name for name, count in Counter(record.name for record in found).items() if count > 1]
    if twice:
        raise ValueError(f"registers {SINGULAR[kind]} {twice[0]!r} twice")
    return found
