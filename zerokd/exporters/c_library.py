"""Compile an exported header with the system's compiler and call it from Python, without torch."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zerokd.files.scratch import scratch_environment, scratch_folder

COMPILERS = ("cc", "gcc", "clang")
# -O3 takes up to eight times as long to compile and makes nothing faster (gcc 12)
COMPILER_FLAGS = (
    *("-std=c99", "-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic", "-ffp-contract=fast"),
    *("-shared", "-fPIC"),
)
NATIVE_FLAG = "-march=native"  # some compilers lack it
COMPILE_TIMEOUT = 600  # seconds
C_TYPE_SUFFIXES = {"uint8": "u8", "uint16": "u16", "float32": "f32"}

RowsFunction = Callable[[np.ndarray, np.ndarray, float, int, int], None]


class Layout(ctypes.Structure):
    _fields_ = [("pixel", ctypes.c_ssize_t), ("row", ctypes.c_ssize_t), ("plane", ctypes.c_ssize_t)]


def find_compiler() -> list[str] | None:
    """The command of the system's C compiler: ``CC``, else cc, gcc or clang; None if there is none."""
    try:
        configured = shlex.split(os.environ.get("CC", ""))
    except ValueError:  # a quotation without its end names no command
        return None
    commands = [configured] if configured else [[name] for name in COMPILERS]
    return next((command for command in commands if shutil.which(command[0])), None)


def compile_header(text: str, name: str, library: Path) -> None:
    """Compile the text of a header to a shared library.

    Raises:
        ValueError: there is no compiler, or it fails.
    """
    command = find_compiler()
    if command is None:
        raise ValueError("there is no C compiler to check it with: install one, or name it in CC")
    with scratch_folder() as folder:
        (folder / f"{name}.h").write_text(text, encoding="utf-8")
        source = folder / "main.c"
        source.write_text(f'#define {name.upper()}_IMPLEMENTATION\n#include "{name}.h"\n', encoding="utf-8")
        for flags in ((*COMPILER_FLAGS, NATIVE_FLAG), COMPILER_FLAGS):
            process = subprocess.run(
                [*command, *flags, str(source), "-o", str(library)],
                capture_output=True,
                text=True,
                timeout=COMPILE_TIMEOUT,
                check=False,
                env=scratch_environment(folder),  # a compiler that is killed leaves its files
            )
            if process.returncode == 0:
                return
    raise ValueError(f"{command[0]} cannot compile it: {process.stderr.strip()[:300]}")


def load_rows_function(library: Path, name: str) -> RowsFunction:
    """The function of a compiled header: it computes rows first to last - 1 of an image (H, W, C).

    Pixels are uint8, uint16 or float32.

    Raises:
        ValueError: the system cannot load it.
    """
    try:
        shared_library = ctypes.CDLL(str(library))
    except OSError as error:
        text = f"the system cannot load {str(library)!r} (a folder on a noexec mount?): {error}"
        raise ValueError(text) from error

    def compute_rows(image: np.ndarray, target: np.ndarray, strength: float, first: int, last: int) -> None:
        height, width, channels = image.shape
        function = getattr(shared_library, f"{name}_{C_TYPE_SUFFIXES[image.dtype.name]}_rows")
        pointers = [ctypes.c_void_p(pixels.ctypes.data) for pixels in (image, target)]
        layout = Layout(channels, width * channels, 1)
        function(*pointers, width, height, layout, ctypes.c_float(strength), first, last)

    return compute_rows
