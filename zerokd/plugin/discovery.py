"""Plugin discovery: import each plugin, collect its records one hook at a time, and isolate broken ones.

Built-in components register through the same hooks. pluggy's own entry-point loader stops at the first plugin that
fails to import; zerokd imports, registers and calls each plugin by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pluggy

from zerokd._version import API_VERSION, __version__
from zerokd.errors import RecipeError, did_you_mean
from zerokd.plugin.candidates import PluginCandidate, find_candidates
from zerokd.plugin.catalogue import BrokenPlugin, Catalogue, CatalogueEntry, PluginNote
from zerokd.plugin.hookspecs import HOOK_PROJECT_NAME, HOOKSPECS
from zerokd.plugin.isolation import isolate_plugin_code
from zerokd.plugin.kinds import KINDS, Kind, Spec

KIND_BY_HOOK = {kind.hook: kind for kind in KINDS.values()}
MAX_RECORDS_PER_HOOK = 1000  # a hook may be a generator without end
HOOK_MARKER_ATTRIBUTE = f"{HOOK_PROJECT_NAME}_impl"  # pluggy's marker sets it on a hook


def discover_plugins(plugin_files: Iterable[str | Path] = (), *, strict: bool = False) -> Catalogue:
    """Collect every available component: built-in, installed (entry points of group ``zerokd``), from one-file plugins.

    ``ZEROKD_PLUGINS`` selects installed plugins: unset means all, ``""`` none, ``"a,b"`` only these distributions.

    Raises:
        RecipeError: ``strict``, and one of ``plugin_files`` is broken.
    """
    manager = pluggy.PluginManager(HOOK_PROJECT_NAME)
    manager.add_hookspecs(HOOKSPECS)
    entries: list[CatalogueEntry] = []
    broken: list[BrokenPlugin] = []
    notes: list[PluginNote] = []
    for number, candidate in enumerate(find_candidates(list(plugin_files))):
        provider = candidate.provider
        reasons = [candidate.skip_reason] if candidate.skip_reason else []
        texts: list[str] = []
        specs = [] if reasons else list(_collect_specs(manager, f"{provider.name}#{number}", candidate, reasons, texts))
        if not (specs or reasons or provider.builtin):
            texts.append(f"registers nothing: no hook of it ({', '.join(KIND_BY_HOOK)}) returns a record")
        entries += [CatalogueEntry(spec, provider) for spec in specs]
        broken += [BrokenPlugin(provider, reason) for reason in reasons]
        notes += [PluginNote(provider, text) for text in texts]
    broken_files = [plugin for plugin in broken if plugin.provider.path]
    if strict and broken_files:
        raise RecipeError(*(plugin.to_problem() for plugin in broken_files))
    return Catalogue(tuple(entries), tuple(broken), tuple(notes))


def _collect_specs(
    manager: pluggy.PluginManager, plugin_name: str, candidate: PluginCandidate, reasons: list[str], notes: list[str]
) -> Iterator[Spec]:
    """Yield the records of a plugin. A hook that fails, or returns a wrong record, yields none; its other hooks do."""
    with isolate_plugin_code(reasons, notes):
        plugin = candidate.load()
        _check_module(plugin)
        manager.register(plugin, plugin_name)
    if reasons or not manager.has_plugin(plugin_name):
        return
    for hook, kind in KIND_BY_HOOK.items():
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.plugin_name == plugin_name:
                specs: list[Spec] = []
                with isolate_plugin_code(reasons, notes, f"{hook}: "):
                    specs = _validate_specs(implementation.function(), kind)
                yield from specs


def _check_module(plugin: Any) -> None:
    """Check a plugin's API version and the names and markers of its hooks before calling one."""
    version = getattr(plugin, "ZEROKD_API", API_VERSION)
    if not isinstance(version, int) or isinstance(version, bool):
        raise TypeError(f"ZEROKD_API is {version!r}, not a number")
    if version > API_VERSION:
        raise ImportError(f"written for plugin API {version}; zerokd {__version__} has {API_VERSION}: upgrade zerokd")
    module = getattr(plugin, "__name__", None)
    for name in dir(plugin):
        member = getattr(plugin, name, None)
        options = getattr(member, HOOK_MARKER_ATTRIBUTE, None) if callable(member) else None
        if isinstance(options, dict):
            hook = options.get("specname") or name
            if hook not in KIND_BY_HOOK and not options.get("optionalhook"):
                raise LookupError(f"unknown hook {hook!r}; {did_you_mean(hook, KIND_BY_HOOK)[0]}")
        elif callable(member) and name in KIND_BY_HOOK and getattr(member, "__module__", None) == module:
            raise LookupError(f"{name} is not marked as a hook: write @zerokd.hookimpl above it")


def _validate_specs(records: Any, kind: Kind) -> list[Spec]:
    """Check that a hook returned an iterable of records of its kind, each name once.

    Raises:
        TypeError: it returned something else.
        ValueError: it returned too many records, or two of one name.
    """
    if records is None or isinstance(records, str | Spec):
        raise TypeError(f"returned {type(records).__name__}, expected a list of {kind.spec_name}")
    specs = list(islice(records, MAX_RECORDS_PER_HOOK + 1))
    if len(specs) > MAX_RECORDS_PER_HOOK:
        raise ValueError(f"returned more than {MAX_RECORDS_PER_HOOK} records")
    for spec in specs:
        returned = KINDS[spec.kind].spec_name if isinstance(spec, Spec) else type(spec).__name__
        if returned != kind.spec_name:
            raise TypeError(f"returned {returned}, expected {kind.spec_name}")
    duplicates = [name for name, count in Counter(spec.name for spec in specs).items() if count > 1]
    if duplicates:
        raise ValueError(f"registers {kind.singular} {duplicates[0]!r} twice")
    return specs
