"""A plugin's own failure, told as the plugin's."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from zerokd.errors import OutOfMemoryError, PluginError, Problem, ZerokdError
from zerokd.plugin.isolation import error_message

CPU_OUT_OF_MEMORY_TEXT = (
    "DefaultCPUAllocator: can't allocate memory"  # of PyTorch, which has a class of its own for GPUs alone
)
OUT_OF_MEMORY_HINTS = (
    "in training, a batch in parts needs less: [speed] images_at_once = 1; so do fewer pixels: [data] size",
    "what is kept of images that come again needs up to [speed] cache_gib, 4 if nothing else is said",
)


@contextmanager
def attribute_errors(operation: str, *expected_errors: type[Exception]) -> Iterator[None]:
    """Turn whatever ``what`` raises into a message that names it; ``expected`` errors pass.

    Raises:
        PluginError: anything else than ours was raised, an exit included.
        RoomError: memory ran out.
    """
    passed: tuple[type[Exception], ...] = (ZerokdError, *expected_errors)
    try:
        with report_out_of_memory(operation):
            yield
    except passed:
        raise
    except (Exception, SystemExit) as error:
        lines = error_message(error).strip().splitlines()
        text = f"{operation} failed: {type(error).__name__}" + (f": {lines[0][:160]}" if lines else "")
        where = traceback.extract_tb(error.__traceback__)[-1]
        hints = (
            "this is a fault of that component, not of the recipe",
            f"at {where.filename}:{where.lineno}; zerokd --traceback ... shows how it came there",
        )
        raise PluginError(Problem(text, hints=hints, cause=error)) from error


@contextmanager
def report_out_of_memory(operation: str) -> Iterator[None]:
    """Say of memory that runs out for ``what`` how much more was needed, and what needs less.

    Raises:
        RoomError: memory ran out.
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


def _describe_failed_allocation(fault: BaseException) -> str:
    """How much more was asked for, as the library that tried to has it."""
    found = re.search(r"allocate ([\d.]+) ?([A-Za-z]+)", str(fault))
    if not found:
        return "memory ran out"
    size, unit = found.groups()
    more = f"{int(size) / 2**20:,.0f} MiB" if unit == "bytes" else f"{size.rstrip('.')} {unit}"
    return f"memory ran out, {more} more were needed at once"
