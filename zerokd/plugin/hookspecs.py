"""The hooks a plugin may implement: one a kind, each returns records. Calling one imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pluggy

from zerokd.plugin.kinds import KINDS, Kind, Spec

HOOK_PROJECT_NAME = "zerokd"
hookimpl = pluggy.HookimplMarker(HOOK_PROJECT_NAME)
hookspec = pluggy.HookspecMarker(HOOK_PROJECT_NAME)


def _build_hookspec(kind: Kind) -> Callable[[], Iterable[Spec]]:
    def hook() -> Iterable[Spec]:
        return ()

    hook.__name__ = hook.__qualname__ = kind.hook
    hook.__doc__ = kind.about
    return hookspec(hook)


HOOKSPECS = type("HookSpecs", (), {kind.hook: _build_hookspec(kind) for kind in KINDS.values()})
