"""Text of a fixed width: wrapped paragraphs and short numbers."""

from __future__ import annotations

import textwrap

TEXT_WIDTH = 80  # columns


def wrap_text(text: str, indent: str = "", first_indent: str = "") -> list[str]:
    """Lines of at most 80 columns. A longer word keeps a line of its own: a path or a label stays whole."""
    wrapper = textwrap.TextWrapper(
        TEXT_WIDTH,
        initial_indent=first_indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapper.wrap(text)


def format_number(value: float, digits: int = 4) -> str:
    """``digits`` significant digits, one fewer where the exponent takes their place."""
    return f"{value:.{digits if 1e-3 <= abs(value) < 1e4 or value == 0 else digits - 1}g}"
