"""The keys of a component's config, as in a recipe: type, bounds, default and description."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from attrs import frozen
from pydantic import BaseModel

JsonSchema = Mapping[str, Any]  # the part of JSON Schema that pydantic writes


@frozen
class ConfigKey:
    """One key. ``example`` is a value to start with: of a key that is not required, its default."""

    key: str
    type: str
    default: Any
    required: bool
    bounds: str
    description: str
    example: Any


def list_config_keys(config: type[BaseModel]) -> list[ConfigKey]:
    """List all keys in the order of declaration, under their recipe names."""
    schema = config.model_json_schema(by_alias=True)
    keys = []
    for key, field in schema.get("properties", {}).items():
        resolved, default = _resolve_reference(field, schema.get("$defs", {})), field.get("default")
        required, description = key in schema.get("required", ()), field.get("description", "")
        example = [*field.get("examples", ()), _example_value(resolved)][0] if required else default
        keys.append(
            ConfigKey(key, _format_type(resolved), default, required, _format_bounds(resolved), description, example)
        )
    return keys


def format_interval(
    lower: float | None, upper: float | None, *, opening_bracket: str = "[", closing_bracket: str = "]"
) -> str:
    """Format an interval in mathematical notation; empty if it has no bound."""
    low, high = -math.inf if lower is None else lower, math.inf if upper is None else upper
    if (low, high) == (-math.inf, math.inf):
        return ""
    return (
        f"{'(' if math.isinf(low) else opening_bracket}{low:g}, {high:g}{')' if math.isinf(high) else closing_bracket}"
    )


def _resolve_reference(schema: JsonSchema, definitions: JsonSchema) -> JsonSchema:
    """Merge the definition that a schema refers to."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return {**definitions.get(name, {}), **schema}


def _union_members(schema: JsonSchema) -> list[JsonSchema]:
    """The members of a union without null, which TOML does not have."""
    return [member for member in schema.get("anyOf", schema.get("oneOf", ())) if member.get("type") != "null"]


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
    """Format the bounds of a value and of its items."""
    if _union_members(schema):
        return " or ".join(dict.fromkeys(filter(None, map(_format_bounds, _union_members(schema)))))
    minimum, maximum = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    length = schema.get("minLength", 0 if "prefixItems" in schema else schema.get("minItems", 0))
    texts = [
        format_interval(
            minimum if above is None else above,
            maximum if below is None else below,
            opening_bracket="[" if above is None else "(",
            closing_bracket="]" if below is None else ")",
        ),
        f"length >= {length}" if length else "",
        f"matches {schema['pattern']}" if "pattern" in schema else "",
        *map(_format_bounds, schema.get("prefixItems", ())),
        _format_bounds(schema["items"]) if schema.get("items") else "",
    ]
    return ", ".join(dict.fromkeys(filter(None, texts)))


def _example_value(schema: JsonSchema) -> Any:
    """Return a value of that type, within its bounds where they are simple."""
    if _union_members(schema):
        return _example_value(_union_members(schema)[0])
    if _allowed_values(schema):
        return _allowed_values(schema)[0]
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("prefixItems") or [schema.get("items", {})] * schema.get("minItems", 0)
        return [_example_value(item) for item in items]
    if kind in ("integer", "number"):
        return _example_number(schema)
    return {"boolean": True, "object": {}}.get(str(kind), "...")


def _example_number(schema: JsonSchema) -> float:
    """Return 1 if allowed, else a number near a bound or between both."""
    minimum, maximum = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    above, below = schema.get("exclusiveMinimum", -math.inf), schema.get("exclusiveMaximum", math.inf)
    edges = [edge for edge in (minimum, above, maximum, below) if math.isfinite(edge)]
    candidates = [1, *edges, *(edge + 1 for edge in edges), *(edge - 1 for edge in edges), sum(edges) / 2]
    return next(
        (candidate for candidate in candidates if minimum <= candidate <= maximum and above < candidate < below), 1
    )
