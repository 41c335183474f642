"""The keys of a component's config as a person writes them: type, bounds, default and meaning."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from attrs import frozen
from pydantic import BaseModel

Schema = Mapping[str, Any]  # JSON Schema, of which a few words are read


@frozen
class Key:
    """One key. ``example`` is a value that a person might start with; a key that is not required has its default."""

    key: str
    type: str
    default: Any
    required: bool
    bounds: str
    description: str
    example: Any


def keys_of(config: type[BaseModel]) -> list[Key]:
    """All keys in the order of their declaration, under the names that stand in a recipe."""
    schema = config.model_json_schema(by_alias=True)
    found = []
    for key, field in schema.get("properties", {}).items():
        plain, default = _plain(field, schema.get("$defs", {})), field.get("default")
        required, told = key in schema.get("required", ()), field.get("description", "")
        example = [*field.get("examples", ()), _example(plain)][0] if required else default
        found.append(Key(key, _type(plain), default, required, _bounds(plain), told, example))
    return found


def interval(least: float | None, greatest: float | None, *, opens: str = "[", closes: str = "]") -> str:
    """Mathematical notation; nothing where there is no bound at all."""
    low, high = -math.inf if least is None else least, math.inf if greatest is None else greatest
    if (low, high) == (-math.inf, math.inf):
        return ""
    return f"{'(' if math.isinf(low) else opens}{low:g}, {high:g}{')' if math.isinf(high) else closes}"


def _plain(schema: Schema, named: Schema) -> Schema:
    """A schema with the named one that it refers to put in its place."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return {**named.get(name, {}), **schema}


def _parts(schema: Schema) -> list[Schema]:
    """The members of a union that can be written in TOML, which has no null."""
    return [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]


def _values(schema: Schema) -> list[Any]:
    return list(schema.get("enum", [schema["const"]] if "const" in schema else []))


def _type(schema: Schema) -> str:
    if _parts(schema):
        return " or ".join(map(_type, _parts(schema)))
    if _values(schema):
        return " or ".join(map(json.dumps, _values(schema)))
    kind = schema.get("type", "table" if "$ref" in schema else "any")
    if kind == "array":
        inner = [*map(_type, schema.get("prefixItems", ()))]
        return f"[{', '.join(inner)}]" if inner else f"[{_type(schema.get('items', {}))}, ...]"
    return "table" if kind == "object" else kind


def _bounds(schema: Schema) -> str:
    """The bounds of a value, and of the values inside it."""
    if _parts(schema):
        return " or ".join(dict.fromkeys(filter(None, map(_bounds, _parts(schema)))))
    least, greatest = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    length = schema.get("minLength", 0 if "prefixItems" in schema else schema.get("minItems", 0))
    told = [
        interval(
            least if above is None else above,
            greatest if below is None else below,
            opens="[" if above is None else "(",
            closes="]" if below is None else ")",
        ),
        f"length >= {length}" if length else "",
        f"matches {schema['pattern']}" if "pattern" in schema else "",
        *map(_bounds, schema.get("prefixItems", ())),
        _bounds(schema["items"]) if schema.get("items") else "",
    ]
    return ", ".join(dict.fromkeys(filter(None, told)))


def _example(schema: Schema) -> Any:
    """Some value of that type, within its bounds where they are simple."""
    if _parts(schema):
        return _example(_parts(schema)[0])
    if _values(schema):
        return _values(schema)[0]
    kind = schema.get("type")
    if kind == "array":
        inner = schema.get("prefixItems") or [schema.get("items", {})] * schema.get("minItems", 0)
        return [_example(one) for one in inner]
    if kind in ("integer", "number"):
        return _number(schema)
    return {"boolean": True, "object": {}}.get(str(kind), "...")


def _number(schema: Schema) -> float:
    """1 where that is allowed, else something near a bound or between both."""
    least, greatest = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    above, below = schema.get("exclusiveMinimum", -math.inf), schema.get("exclusiveMaximum", math.inf)
    edges = [edge for edge in (least, above, greatest, below) if math.isfinite(edge)]
    candidates = [1, *edges, *(edge + 1 for edge in edges), *(edge - 1 for edge in edges), sum(edges) / 2]
    return next((one for one in candidates if least <= one <= greatest and above < one < below), 1)
