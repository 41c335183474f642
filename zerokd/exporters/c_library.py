"""Compile an exported header with the system's compiler and call it from Python, without torch."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

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

BandFunction = Callable[[np.ndarray, int, int], None]  # writes rows first to last - 1 of an image of pixels


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


def load_library(library: Path, name: str) -> Callable[[np.ndarray, float], BandFunction]:
    """The function of a compiled header that prepares an image: it returns a function that computes bands of rows.

    Images are (H, W, C), uint8, uint16 or float32. A header that measures the whole image does so once.

    Raises:
        ValueError: the system cannot load it.
    """
    try:
        shared_library = ctypes.CDLL(str(library))
    except OSError as error:
        text = f"the system cannot load {str(library)!r} (a folder on a noexec mount?): {error}"
        raise ValueError(text) from error
    is_measuring = hasattr(shared_library, f"{name}_state_size")

    def prepare_image(image: np.ndarray, strength: float) -> BandFunction:
        prepare = _measure_image if is_measuring else _prepare_rows
        return prepare(shared_library, f"{name}_{{}}", image, ctypes.c_float(strength))

    return prepare_image


def _prepare_rows(library: Any, names: str, image: np.ndarray, strength: ctypes.c_float) -> BandFunction:
    function = getattr(library, names.format(f"{C_TYPE_SUFFIXES[image.dtype.name]}_rows"))
    size, layout = _describe_pixels(image)

    def compute_band(target: np.ndarray, first: int, last: int) -> None:
        function(_pointer(image), _pointer(target), *size, layout, strength, first, last)

    return compute_band


def _measure_image(library: Any, names: str, image: np.ndarray, strength: ctypes.c_float) -> BandFunction:
    """As :func:`_prepare_rows`, with the state of the whole image.

    Raises:
        MemoryError: there is no memory for it.
    """
    suffix = C_TYPE_SUFFIXES[image.dtype.name]
    measure, apply = (getattr(library, names.format(part)) for part in (f"measure_{suffix}", f"apply_{suffix}_rows"))
    size, layout = _describe_pixels(image)
    get_state_size = getattr(library, names.format("state_size"))
    get_state_size.restype = ctypes.c_size_t
    state = ctypes.create_string_buffer(get_state_size())
    if measure(_pointer(image), *size, layout, state):
        raise MemoryError("no memory to measure an image")

    def compute_band(target: np.ndarray, first: int, last: int) -> None:
        if apply(_pointer(image), _pointer(target), *size, layout, state, strength, first, last):
            raise MemoryError("no memory for a band of rows")

    return compute_band


def _pointer(pixels: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(pixels.ctypes.data)


def _describe_pixels(image: np.ndarray) -> tuple[tuple[int, int], Layout]:
    height, width, channels = image.shape
    return (width, height), Layout(channels, width * channels, 1)
