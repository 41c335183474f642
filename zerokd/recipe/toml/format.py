"""Keys and values as TOML, each on one line."""

from __future__ import annotations

from typing import Any

import tomli_w


def key_text(key: str) -> str:
    return tomli_w.dumps({key: 0}).removesuffix(" = 0\n")


def value_text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, dict) and value:
        return f"{{ {', '.join(f'{key_text(key)} = {value_text(one)}' for key, one in value.items())} }}"
    return "{}" if isinstance(value, dict) else tomli_w.dumps({"x": value}).removeprefix("x = ").removesuffix("\n")


def header_text(path: tuple[str | int, ...]) -> str:
    """The name of a table in its header; an index into an array of tables is not written."""
    return ".".join(key_text(part) for part in path if isinstance(part, str))
