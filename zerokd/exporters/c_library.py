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
    compile_source(f"#define {name.upper()}_IMPLEMENTATION\n{text}", library)


def compile_source(text: str, library: Path) -> None:
    """Compile the text of a source file to a shared library.

    Raises:
        ValueError: there is no compiler, or it fails.
    """
    command = find_compiler()
    if command is None:
        raise ValueError("there is no C compiler to check it with: install one, or name it in CC")
    with scratch_folder() as folder:
        source = folder / "main.c"
        source.write_text(text, encoding="utf-8")
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


class CompiledStudent:
    """The functions of a compiled header. Call it with an image (H, W, C), uint8, uint16 or float32, and a strength: it
    returns the function that computes bands of rows.

    Attributes:
        measures: the header measures the whole image once: :meth:`measure` and all below work.
    """

    def __init__(self, library: Any, name: str):
        self._library, self._names = library, f"{name}_{{}}"
        self.measures = hasattr(library, f"{name}_state_size")
        if self.measures:
            get_state_size, steadiness = self._function("state_size"), self._function("steadiness")
            get_state_size.restype, steadiness.restype = ctypes.c_size_t, ctypes.c_float
            self._state_size = get_state_size()

    def __call__(self, image: np.ndarray, strength: float) -> BandFunction:
        if self.measures:
            return self.apply(image, self.measure(image), strength)
        function, size, layout = self._function(f"{_type_suffix(image)}_rows"), *_describe_pixels(image)

        def compute_band(target: np.ndarray, first: int, last: int) -> None:
            function(_pointer(image), _pointer(target), *size, layout, ctypes.c_float(strength), first, last)

        return compute_band

    def measure(self, image: np.ndarray) -> Any:
        """The state of a whole image.

        Raises:
            MemoryError: there is no memory for it.
        """
        function, size, layout = self._function(f"measure_{_type_suffix(image)}"), *_describe_pixels(image)
        state = ctypes.create_string_buffer(self._state_size)
        if function(_pointer(image), *size, layout, state):
            raise MemoryError("no memory to measure an image")
        return state

    def apply(self, image: np.ndarray, state: Any, strength: float) -> BandFunction:
        """The function that computes bands of rows of an image with this state."""
        function, size, layout = self._function(f"apply_{_type_suffix(image)}_rows"), *_describe_pixels(image)

        def compute_band(target: np.ndarray, first: int, last: int) -> None:
            arguments = (*size, layout, state, ctypes.c_float(strength), first, last)
            if function(_pointer(image), _pointer(target), *arguments):
                raise MemoryError("no memory for a band of rows")

        return compute_band

    def follow(self, state: Any, before: Any, measured: Any, seconds: float) -> Any:
        """The state for the next frame of a video, as :class:`zerokd.Model` describes it."""
        followed = ctypes.create_string_buffer((state or measured).raw, self._state_size)
        before = before if state is not None else None
        self._function("follow")(followed, before, measured, ctypes.c_float(seconds))
        return followed

    def steadiness(self, before: Any, measured: Any, seconds: float) -> float:
        """As :class:`zerokd.Model` describes it."""
        return float(self._function("steadiness")(before, measured, ctypes.c_float(seconds)))

    def _function(self, suffix: str) -> Any:
        return getattr(self._library, self._names.format(suffix))


def load_library(library: Path, name: str) -> CompiledStudent:
    """The student of a compiled header.

    Raises:
        ValueError: the system cannot load it.
    """
    try:
        return CompiledStudent(ctypes.CDLL(str(library)), name)
    except OSError as error:
        text = f"the system cannot load {str(library)!r} (a folder on a noexec mount?): {error}"
        raise ValueError(text) from error


def _type_suffix(image: np.ndarray) -> str:
    return C_TYPE_SUFFIXES[image.dtype.name]


def _pointer(pixels: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(pixels.ctypes.data)


def _describe_pixels(image: np.ndarray) -> tuple[tuple[int, int], Layout]:
    height, width, channels = image.shape
    return (width, height), Layout(channels, width * channels, 1)
