"""The keys of a component's config as a person writes them: type, bounds, default and meaning."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from attrs import frozen
from pydantic import BaseModel

JsonSchema = Mapping[str, Any]  # JSON Schema, of which a few words are read


@frozen
class ConfigKey:
    """One key. ``example`` is a value that a person might start with; a key that is not required has its default."""

    key: str
    type: str
    default: Any
    required: bool
    bounds: str
    description: str
    example: Any


def list_config_keys(config: type[BaseModel]) -> list[ConfigKey]:
    """All keys in the order of their declaration, under the names that stand in a recipe."""
    schema = config.model_json_schema(by_alias=True)
    found = []
    for key, field in schema.get("properties", {}).items():
        plain, default = _resolve_reference(field, schema.get("$defs", {})), field.get("default")
        required, told = key in schema.get("required", ()), field.get("description", "")
        example = [*field.get("examples", ()), _example_value(plain)][0] if required else default
        found.append(ConfigKey(key, _format_type(plain), default, required, _format_bounds(plain), told, example))
    return found


def format_interval(
    lower: float | None, upper: float | None, *, opening_bracket: str = "[", closing_bracket: str = "]"
) -> str:
    """Mathematical notation; nothing where there is no bound at all."""
    low, high = -math.inf if lower is None else lower, math.inf if upper is None else upper
    if (low, high) == (-math.inf, math.inf):
        return ""
    return (
        f"{'(' if math.isinf(low) else opening_bracket}{low:g}, {high:g}{')' if math.isinf(high) else closing_bracket}"
    )


def _resolve_reference(schema: JsonSchema, definitions: JsonSchema) -> JsonSchema:
    """A schema with the named one that it refers to put in its place."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return {**definitions.get(name, {}), **schema}


def _union_members(schema: JsonSchema) -> list[JsonSchema]:
    """The members of a union that can be written in TOML, which has no null."""
    return [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]


def _allowed_values(schema: JsonSchema) -> list[Any]:
    return list(schema.get("enum", [schema["const"]] if "const" in schema else []))


def _format_type(schema: JsonSchema) -> str:
    if _union_members(schema):
        return " or ".join(map(_format_type, _union_members(schema)))
    if _allowed_values(schema):
        return " or ".join(map(json.dumps, _allowed_values(schema)))
    kind = schema.get("type", "table" if "$ref" in schema else "any")
    if kind == "array":
        inner = [*map(_format_type, schema.get("prefixItems", ()))]
        return f"[{', '.join(inner)}]" if inner else f"[{_format_type(schema.get('items', {}))}, ...]"
    return "table" if kind == "object" else kind


def _format_bounds(schema: JsonSchema) -> str:
    """The bounds of a value, and of the values inside it."""
    if _union_members(schema):
        return " or ".join(dict.fromkeys(filter(None, map(_format_bounds, _union_members(schema)))))
    least, greatest = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    length = schema.get("minLength", 0 if "prefixItems" in schema else schema.get("minItems", 0))
    told = [
        format_interval(
            least if above is None else above,
            greatest if below is None else below,
            opening_bracket="[" if above is None else "(",
            closing_bracket="]" if below is None else ")",
        ),
        f"length >= {length}" if length else "",
        f"matches {schema['pattern']}" if "pattern" in schema else "",
        *map(_format_bounds, schema.get("prefixItems", ())),
        _format_bounds(schema["items"]) if schema.get("items") else "",
    ]
    return ", ".join(dict.fromkeys(filter(None, told)))


def _example_value(schema: JsonSchema) -> Any:
    """Some value of that type, within its bounds where they are simple."""
    if _union_members(schema):
        return _example_value(_union_members(schema)[0])
    if _allowed_values(schema):
        return _allowed_values(schema)[0]
    kind = schema.get("type")
    if kind == "array":
        inner = schema.get("prefixItems") or [schema.get("items", {})] * schema.get("minItems", 0)
        return [_example_value(one) for one in inner]
    if kind in ("integer", "number"):
        return _example_number(schema)
    return {"boolean": True, "object": {}}.get(str(kind), "...")


def _example_number(schema: JsonSchema) -> float:
    """1 where that is allowed, else something near a bound or between both."""
    least, greatest = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    above, below = schema.get("exclusiveMinimum", -math.inf), schema.get("exclusiveMaximum", math.inf)
    edges = [edge for edge in (least, above, greatest, below) if math.isfinite(edge)]
    candidates = [1, *edges, *(edge + 1 for edge in edges), *(edge - 1 for edge in edges), sum(edges) / 2]
    return next(
        (candidate for candidate in candidates if least <= candidate <= greatest and above < candidate < below), 1
    )
