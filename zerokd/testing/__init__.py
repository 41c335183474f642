"""The conformance kit: what every component promises, checked from its own declarations.

    from zerokd.testing import conformance
    import zerokd_charbonnier

    @conformance(zerokd_charbonnier)
    def test_conformance(check):
        check()

``zerokd plugins --check NAME`` runs the same checks without pytest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zerokd.testing.check import Check, CheckError
from zerokd.testing.collection import PluginReference, collect_checks

__all__ = ["Check", "CheckError", "collect_checks", "conformance"]


def conformance(plugin: PluginReference) -> Callable[[Callable[..., Any]], Any]:
    """Run a test once for each check of a plugin, by the argument ``check``.

    ``plugin`` is the plugin's module, one of its records, or the name of an installed distribution or component.
    """
    import pytest

    return pytest.mark.parametrize("check", collect_checks(plugin), ids=str)
