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
from zerokd.errors import did_you_mean, printable
from zerokd.plugin.catalogue import Provider
from zerokd.plugin.specs import KINDS

GROUP = "zerokd"
CHOICE = "ZEROKD_PLUGINS"
BUILTIN = Provider("zerokd", __version__, builtin=True)


@frozen(eq=False)
class Candidate:
    """Who provides a plugin, and a call that imports it; ``ill`` says why it is not even tried."""

    provider: Provider
    load: Callable[[], Any]
    ill: str = ""


def candidates(files: Iterable[str | Path]) -> Iterator[Candidate]:
    """All of them, in the order in which they are imported."""
    for kind in KINDS:
        yield Candidate(BUILTIN, partial(importlib.import_module, f"zerokd.{kind}"))
    yield from _installed()
    firsts: dict[str, str] = {}
    for real, path in {os.path.realpath(file): Path(file) for file in files}.items():
        provider = Provider(path.stem, path=real)
        yield Candidate(provider, partial(_import_file, path, real, firsts.setdefault(path.stem, real)))


def normalised(name: str) -> str:
    """A distribution's name as packaging compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def chosen(name: str) -> bool:
    """Whether a distribution of that name is one to load."""
    wanted = _wanted()
    return wanted is None or normalised(name) in wanted


def _wanted() -> dict[str, str] | None:
    """The names that ``ZEROKD_PLUGINS`` gives, normalised and as written; None where all are wanted."""
    given = os.environ.get(CHOICE)
    return None if given is None else {normalised(name): name.strip() for name in given.split(",") if name.strip()}


def _installed() -> Iterator[Candidate]:
    """The entry points of group ``zerokd``, of the chosen distributions; a chosen one that is not there is told."""
    wanted = _wanted()
    if wanted is not None and not wanted:
        return
    unreadable: list[str] = []
    points = [(_provider(point), point) for point in _points(unreadable)]
    for name in unreadable:
        yield Candidate(Provider(name), object, "its metadata cannot be read: install it anew, or remove it")
    for provider, point in sorted(points, key=lambda pair: (pair[0].name, pair[1].name)):
        if wanted is None or normalised(provider.name) in wanted:
            yield Candidate(provider, point.load, _unmet(point.dist))
    names = {normalised(provider.name): provider.name for provider, _ in points}
    for name, written in (wanted or {}).items():
        if name not in names:
            hint = did_you_mean(written, names.values())[0]
            yield Candidate(Provider(written), object, f"{CHOICE} names it, and it is not installed; {hint}")


def _points(unreadable: list[str]) -> Iterator[EntryPoint]:
    """One damaged distribution hides no other: where the quick way fails, each is asked alone."""
    try:
        yield from entry_points(group=GROUP)
    except Exception:
        for one in distributions():
            try:
                yield from one.entry_points.select(group=GROUP)
            except Exception:
                unreadable.append(printable(str(getattr(one, "_path", "a distribution"))))


def _provider(point: EntryPoint) -> Provider:
    try:
        assert point.dist is not None
        return Provider(printable(str(point.dist.name)), printable(str(point.dist.version)))
    except Exception:  # metadata that cannot be read
        return Provider(printable(point.name))


def _unmet(dist: Distribution | None) -> str:
    """What a distribution's own metadata ask of zerokd and this version does not give."""
    from packaging.requirements import Requirement

    try:
        asked = [Requirement(text) for text in (dist.requires if dist else None) or ()]
        ours = [one for one in asked if normalised(one.name) == GROUP and (not one.marker or one.marker.evaluate())]
    except Exception as fault:
        return f"its requirements cannot be read: {fault}"
    for one in ours:
        if not one.specifier.contains(__version__, prereleases=True):
            return f"it needs zerokd{one.specifier}, and this is {__version__}: pip install 'zerokd{one.specifier}'"
    return ""


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
