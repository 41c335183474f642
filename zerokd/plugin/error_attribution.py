"""Attribute errors in a component's code to the component, and report when memory runs out."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from zerokd.errors import OutOfMemoryError, PluginError, Problem, ZerokdError
from zerokd.plugin.isolation import error_message

CPU_OUT_OF_MEMORY_TEXT = "DefaultCPUAllocator: can't allocate memory"  # PyTorch has an error class for GPUs alone
OUT_OF_MEMORY_HINTS = (
    "training needs less memory with [speed] images_at_once = 1 (smaller micro-batches) or a smaller [data] size",
    "the cache of frozen outputs uses up to [speed] cache_gib GiB (4 by default)",
)


@contextmanager
def attribute_errors(operation: str, *expected_errors: type[Exception]) -> Iterator[None]:
    """Turn an error raised inside into one that names ``operation``; ``expected_errors`` and zerokd's own pass.

    Raises:
        PluginError: the code raised any other error, SystemExit or GeneratorExit.
        OutOfMemoryError: memory ran out.
    """
    passing: tuple[type[Exception], ...] = (ZerokdError, *expected_errors)
    try:
        with report_out_of_memory(operation):
            yield
    except passing:
        raise
    except (Exception, SystemExit, GeneratorExit) as error:
        lines = error_message(error).strip().splitlines()
        text = f"{operation} failed: {type(error).__name__}" + (f": {lines[0][:160]}" if lines else "")
        frame = traceback.extract_tb(error.__traceback__)[-1]
        hints = (
            "this is an error in that component, not in the recipe",
            f"at {frame.filename}:{frame.lineno}; zerokd --traceback ... shows the call stack",
        )
        raise PluginError(Problem(text, hints=hints, cause=error)) from error


@contextmanager
def report_out_of_memory(operation: str) -> Iterator[None]:
    """Report a failed allocation during ``operation``: how much memory it needed, and how to need less.

    Raises:
        OutOfMemoryError: memory ran out.
    """
    try:
        yield
    except ZerokdError:
        raise
    except Exception as error:
        if (
            isinstance(error, MemoryError)
            or type(error).__name__ == "OutOfMemoryError"
            or CPU_OUT_OF_MEMORY_TEXT in str(error)
        ):
            raise OutOfMemoryError(
                Problem(f"{operation}: {_describe_failed_allocation(error)}", hints=OUT_OF_MEMORY_HINTS, cause=error)
            ) from error
        raise


def _describe_failed_allocation(error: BaseException) -> str:
    """Describe the size of the failed allocation, from the library's message."""
    match = re.search(r"allocate ([\d.]+) ?([A-Za-z]+)", str(error))
    if not match:
        return "memory ran out"
    size, unit = match.groups()
    amount = f"{int(size) / 2**20:,.0f} MiB" if unit == "bytes" else f"{size.rstrip('.')} {unit}"
    return f"memory ran out, {amount} more were needed at once"
