"""The processor of this machine."""

from __future__ import annotations

import platform
from pathlib import Path


def processor_name() -> str:
    """The processor's model name, or its architecture if the system does not name it."""
    return _read_cpu_info("model name") or platform.processor() or platform.machine()


def processor_flags() -> str:
    """The instruction set extensions, separated by spaces; on systems without ``/proc/cpuinfo`` a description."""
    return _read_cpu_info("flags", "Features") or platform.processor()  # Features: on Arm


def _read_cpu_info(*keys: str) -> str:
    """The first value of any of these keys in ``/proc/cpuinfo``."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(keys)), "")
