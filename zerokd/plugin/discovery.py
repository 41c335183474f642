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
from zerokd.plugin.candidates import PluginCandidate, find_candidates
from zerokd.plugin.catalogue import BrokenPlugin, Catalogue, CatalogueEntry, PluginNote
from zerokd.plugin.isolation import isolate_plugin_code
from zerokd.plugin.specs import KINDS, SINGULAR, Spec

KIND_BY_HOOK = {f"zerokd_{kind}": kind for kind in KINDS}
MAX_RECORDS_PER_HOOK = 1000  # records of one hook; a generator may have no end
HOOK_MARKER_ATTRIBUTE = f"{hookspecs.HOOK_PROJECT_NAME}_impl"  # what pluggy's marker leaves on a hook


def discover_plugins(plugin_files: Iterable[str | Path] = (), *, strict: bool = False) -> Catalogue:
    """Every component in reach: built-in, installed (entry points of group ``zerokd``), and from one-file plugins.

    ``ZEROKD_PLUGINS`` unset means all installed plugins, ``""`` none, ``"a,b"`` only those distributions.

    Raises:
        RecipeError: ``strict``, and one of ``files`` is broken.
    """
    manager = pluggy.PluginManager(hookspecs.HOOK_PROJECT_NAME)
    manager.add_hookspecs(hookspecs)
    entries: list[CatalogueEntry] = []
    broken: list[BrokenPlugin] = []
    notes: list[PluginNote] = []
    asked_for = []
    for number, one in enumerate(find_candidates(list(plugin_files))):
        ills: list[str] = [one.skip_reason] if one.skip_reason else []
        told: list[str] = []
        found = (
            [] if one.skip_reason else list(_collect_records(manager, f"{one.provider.name}#{number}", one, ills, told))
        )
        entries += [CatalogueEntry(record, one.provider) for record in found]
        if not (found or ills or one.provider.builtin):
            told.append(f"registers nothing: no hook of it ({', '.join(KIND_BY_HOOK)}) returns a record")
        broken += [BrokenPlugin(one.provider, ill) for ill in ills]
        notes += [PluginNote(one.provider, text) for text in told]
        asked_for += [BrokenPlugin(one.provider, ill) for ill in ills if one.provider.path]
    if strict and asked_for:
        raise RecipeError(
            *(Problem(f"plugin {ill.provider} is broken: {ill.reason}", code="plugin-broken") for ill in asked_for)
        )
    return Catalogue(tuple(entries), tuple(broken), tuple(notes))


def _collect_records(
    manager: pluggy.PluginManager, plugin_name: str, candidate: PluginCandidate, reasons: list[str], notes: list[str]
) -> Iterator[Spec]:
    """What a plugin registers. A hook that fails, or returns one wrong record, gives none; the other hooks stay."""
    with isolate_plugin_code(reasons, notes):
        plugin = candidate.load()
        _check_module(plugin)
        manager.register(plugin, plugin_name)
    if reasons or not manager.has_plugin(plugin_name):
        return
    for hook, kind in KIND_BY_HOOK.items():
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.plugin_name == plugin_name:
                found: list[Spec] = []
                with isolate_plugin_code(reasons, notes, f"{hook}: "):
                    found = _validate_records(implementation.function(), kind)
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
        options = getattr(thing, HOOK_MARKER_ATTRIBUTE, None) if callable(thing) else None
        marked = isinstance(options, dict)
        hook = options.get("specname") or name if isinstance(options, dict) else name
        if isinstance(options, dict) and hook not in KIND_BY_HOOK and not options.get("optionalhook"):
            raise LookupError(f"unknown hook {hook!r}; {did_you_mean(hook, KIND_BY_HOOK)[0]}")
        if (
            not marked
            and callable(thing)
            and name in KIND_BY_HOOK
            and getattr(thing, "__module__", None) == _module_name(plugin)
        ):
            raise LookupError(f"{name} is not marked as a hook: write @zerokd.hookimpl above it")


def _module_name(plugin: Any) -> str | None:
    return getattr(plugin, "__name__", None)


def _validate_records(records: Any, kind: str) -> list[Spec]:
    wanted = KINDS[kind]
    if records is None or isinstance(records, str | Spec):
        raise TypeError(f"returned {type(records).__name__}, expected a list of {wanted.__name__}")
    found = list(islice(records, MAX_RECORDS_PER_HOOK + 1))
    if len(found) > MAX_RECORDS_PER_HOOK:
        raise ValueError(f"returned more than {MAX_RECORDS_PER_HOOK} records")
    for record in found:
        if not isinstance(record, wanted):
            raise TypeError(f"returned {type(record).__name__}, expected {wanted.__name__}")
    twice = [name for name, count in Counter(record.name for record in found).items() if count > 1]
    if twice:
        raise ValueError(f"registers {SINGULAR[kind]} {twice[0]!r} twice")
    return found
