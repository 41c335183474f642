"""The end of the command's process, without the wait for modules to be unloaded."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn


def exit_process(code: int) -> NoReturn:
    """End the process with this exit code, as ``sys.exit`` does, once its threads and exit functions have run.

    The interpreter's own end destroys every module one by one: 0.6 s with torch, 0.9 s with its compiler. A debugger,
    profiler or coverage tool needs that end, and keeps it.
    """
    if _is_observed():
        sys.exit(code)
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as the interpreter's end does
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # closed, or its reader has gone
            stream.flush()
    os._exit(code)


def _is_observed() -> bool:
    monitoring = getattr(sys, "monitoring", None)  # since Python 3.12
    tools = [monitoring.get_tool(number) for number in range(6)] if monitoring else []
    return bool(sys.gettrace() or sys.getprofile() or any(tools))
