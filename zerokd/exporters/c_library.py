"""A compiled header: made by the system's compiler, called from Python, without torch."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

COMPILERS = ("cc", "gcc", "clang")
COMPILER_FLAGS = ("-std=c99", "-O3", "-ffp-contract=fast", "-shared", "-fPIC")
NATIVE_FLAG = "-march=native"  # not every compiler knows it
COMPILE_TIMEOUT = 600  # that a compiler may take
C_TYPE_SUFFIXES = {"uint8": "u8", "uint16": "u16", "float32": "f32"}

RowsFunction = Callable[[np.ndarray, np.ndarray, float, int, int], None]


class Layout(ctypes.Structure):
    _fields_ = [("pixel", ctypes.c_ssize_t), ("row", ctypes.c_ssize_t), ("plane", ctypes.c_ssize_t)]


def find_compiler() -> list[str] | None:
    """The command of the system's C compiler, or None."""
    own = shlex.split(os.environ.get("CC", ""))
    names = [own] if own else [[name] for name in COMPILERS]
    return next((name for name in names if shutil.which(name[0])), None)


def compile_header(text: str, name: str, library: Path) -> None:
    """Make a shared library of a header's text.

    Raises:
        ValueError: there is no compiler, or it refuses.
    """
    command = find_compiler()
    if command is None:
        raise ValueError("there is no C compiler here to check it with: install one, or name it in CC")
    with TemporaryDirectory() as folder:
        (Path(folder) / f"{name}.h").write_text(text, encoding="utf-8")
        source = Path(folder) / "main.c"
        source.write_text(f'#define {name.upper()}_IMPLEMENTATION\n#include "{name}.h"\n', encoding="utf-8")
        for flags in ((*COMPILER_FLAGS, NATIVE_FLAG), COMPILER_FLAGS):
            made = subprocess.run(
                [*command, *flags, str(source), "-o", str(library)],
                capture_output=True,
                text=True,
                timeout=COMPILE_TIMEOUT,
                check=False,
            )
            if made.returncode == 0:
                return
    raise ValueError(f"{command[0]} cannot compile it: {made.stderr.strip()[:300]}")


def load_rows_function(library: Path, name: str) -> RowsFunction:
    """What a compiled header does with rows first to last - 1 of an image (H, W, C) of 8, 16 bits or floats."""
    loaded = ctypes.CDLL(str(library))

    def rows(image: np.ndarray, to: np.ndarray, strength: float, first: int, last: int) -> None:
        height, width, channels = image.shape
        function = getattr(loaded, f"{name}_{C_TYPE_SUFFIXES[image.dtype.name]}_rows")
        places = [ctypes.c_void_p(one.ctypes.data) for one in (image, to)]
        layout = Layout(channels, width * channels, 1)
        function(*places, width, height, layout, ctypes.c_float(strength), first, last)

    return rows
