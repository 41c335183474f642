"""A plugin's own failure, told as the plugin's."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from zerokd.errors import PluginError, Problem, ZerokdError
from zerokd.plugin.isolation import told


@contextmanager
def blame(what: str, *expected: type[Exception]) -> Iterator[None]:
    """Turn whatever ``what`` raises into a message that names it; ``expected`` errors pass.

    Raises:
        PluginError: anything else than ours was raised, an exit included.
    """
    passed: tuple[type[Exception], ...] = (ZerokdError, *expected)
    try:
        yield
    except passed:
        raise
    except (Exception, SystemExit) as fault:
        lines = told(fault).strip().splitlines()
        text = f"{what} failed: {type(fault).__name__}" + (f": {lines[0][:160]}" if lines else "")
        where = traceback.extract_tb(fault.__traceback__)[-1]
        hints = (
            "this is a fault of that component, not of the recipe",
            f"at {where.filename}:{where.lineno}; zerokd --traceback ... shows how it came there",
        )
        raise PluginError(Problem(text, hints=hints, cause=fault)) from fault
