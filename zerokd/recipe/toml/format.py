"""Keys and values as TOML text, each on one line."""

from __future__ import annotations

from typing import Any

import tomli_w


def format_toml_key(key: str) -> str:
    """A key, in quotes if TOML needs them."""
    return tomli_w.dumps({key: 0}).removesuffix(" = 0\n")


def format_toml_value(value: Any) -> str:
    """A value on one line; tables become inline tables."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(format_toml_value, value))}]"
    if isinstance(value, dict) and value:
        pairs = (f"{format_toml_key(key)} = {format_toml_value(inner)}" for key, inner in value.items())
        return f"{{ {', '.join(pairs)} }}"
    return "{}" if isinstance(value, dict) else tomli_w.dumps({"x": value}).removeprefix("x = ").removesuffix("\n")


def format_toml_header(path: tuple[str | int, ...]) -> str:
    """The name of a table in its header, without indices into arrays of tables."""
    return ".".join(format_toml_key(part) for part in path if isinstance(part, str))
