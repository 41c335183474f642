"""Keys and values as TOML, each on one line."""

from __future__ import annotations

from typing import Any

import tomli_w


def format_toml_key(key: str) -> str:
    return tomli_w.dumps({key: 0}).removesuffix(" = 0\n")


def format_toml_value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(format_toml_value, value))}]"
    if isinstance(value, dict) and value:
        return f"{{ {', '.join(f'{format_toml_key(key)} = {format_toml_value(one)}' for key, one in value.items())} }}"
    return "{}" if isinstance(value, dict) else tomli_w.dumps({"x": value}).removeprefix("x = ").removesuffix("\n")


def format_toml_header(path: tuple[str | int, ...]) -> str:
    """The name of a table in its header; an index into an array of tables is not written."""
    return ".".join(format_toml_key(part) for part in path if isinstance(part, str))
