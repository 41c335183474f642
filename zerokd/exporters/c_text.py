"""Text of C headers: what all of them share, and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

PIXELS_END = """\
#undef ${NAME}_LOOP
#undef ${NAME}_LOAD_ROW
#undef ${NAME}_STORE_ROW
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
"""


def fill_header(file: str, substitutions: Mapping[str, Any], name: str) -> str:
    """The text of a file of this package with what both headers share, and the name in place of ``${name}``."""
    text, pixels = (
        files("zerokd.exporters").joinpath(part).read_text(encoding="utf-8") for part in (file, "c_pixels.txt")
    )
    shared = {"pixels": pixels, "pixels_end": PIXELS_END}
    return Template(Template(text).safe_substitute(substitutions, **shared)).substitute(name=name, NAME=name.upper())


def format_float32(value: float) -> str:
    """A float32 as a literal of C and GLSL, exact to the last bit."""
    text = f"{np.float32(value):.9g}"
    return f"{text if set(text) & set('.en') else text + '.0'}f"
