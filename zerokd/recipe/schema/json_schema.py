"""The JSON Schema of recipes, for editors: every installed component with its config.

A recipe that extends another may omit any key, and so may its tables without ``use``, which merge into those of the
other. A table that names a component may have only its keys, and a recipe that extends nothing must be complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from zerokd.errors import RecipeError
from zerokd.plugin.catalogue import Catalogue, CatalogueEntry
from zerokd.plugin.kinds import KINDS
from zerokd.plugin.loading import load_component
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.schema.selection import BestConfig
from zerokd.recipe.schema.walk import nested_record_types
from zerokd.recipe.toml.extends import EXTENDS

Json = dict[str, Any]
REQUIRES_USE = {"required": ["use"]}
DEFAULT_OPTIMIZER: Json = {"if": {"not": REQUIRES_USE}, "then": {"$ref": "#/$defs/optimizer_adam"}}
COMPLETE_TABLES: Json = {  # required in a recipe that extends nothing
    "data": REQUIRES_USE,
    "models": {"additionalProperties": {"anyOf": [REQUIRES_USE, {"required": ["average_of"]}]}},
    "params": {
        "additionalProperties": {"if": {"type": "object"}, "then": {"anyOf": [REQUIRES_USE, {"required": ["equals"]}]}}
    },
    "stages": {
        "additionalProperties": REQUIRES_USE
        | {"properties": {"aggregate": REQUIRES_USE, "optimizer": DEFAULT_OPTIMIZER}}
    },
    "best": {"required": ["metric"]},
    "metrics": {"additionalProperties": REQUIRES_USE},
    "observers": {"additionalProperties": REQUIRES_USE},
    "terms": {"additionalProperties": {"additionalProperties": REQUIRES_USE}},
}


def build_recipe_json_schema(catalogue: Catalogue) -> tuple[Json, list[str]]:
    """The schema (draft 2020-12), and a line for every component that it omits because its import fails."""
    root = _simplify_schema(schema.Recipe.model_json_schema(by_alias=True))
    definitions: Json = root.pop("$defs")
    omitted: list[str] = []
    for table in _component_tables():
        own = definitions[table.__name__]
        names, cases = [], []
        for entry in catalogue.for_kind(table.kind):
            try:
                component = load_component(entry)
            except RecipeError as error:
                omitted.append(f"omitted {entry.qualified_name}: {error.problems[0].message}")
                continue
            uses = [entry.qualified_name] if entry.spec.name in names else [entry.spec.name, entry.qualified_name]
            names += uses
            key = f"{KINDS[table.kind].singular} {entry.spec.name}".replace(" ", "_")
            key = key if key not in definitions else entry.qualified_name
            definitions[key] = _component_schema(entry, component, own, key, definitions)
            cases.append({"if": _use_condition(uses), "then": {"$ref": f"#/$defs/{key}"}})
        if cases:  # there may be no observer
            use = own["properties"]["use"] | {"enum": names}
            own |= {"properties": own["properties"] | {"use": use}, "allOf": cases}
        own.pop("required", None), own.pop("additionalProperties")
    adapters = definitions[schema.AdapterConfig.__name__]["properties"]["use"]["enum"]
    adapter_items = {"anyOf": [{"enum": adapters}, _reference(schema.AdapterConfig)]}
    definitions[schema.TermConfig.__name__]["properties"]["adapt"]["items"] = adapter_items
    definitions[BestConfig.__name__].pop("required")
    required = root.pop("required")
    models = {"if": {"required": ["average_of"]}, "then": _reference(schema.AverageConfig)}
    (pattern,) = root["properties"]["models"]["patternProperties"]
    root["properties"]["models"]["patternProperties"] = {pattern: models | {"else": _reference(schema.ModelConfig)}}
    extends = {"type": "string", "description": "path of the recipe that this one extends, from this file's folder"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "zerokd recipe",
        **root,
        "properties": {EXTENDS: extends, **root["properties"]},
        "if": {"required": [EXTENDS]},
        "else": {"required": required, "properties": COMPLETE_TABLES},
        "$defs": dict(sorted(definitions.items())),
    }, omitted


def _component_tables() -> list[type[schema.ComponentConfig]]:
    """The tables that name a component of some kind."""
    records = nested_record_types(schema.Recipe)
    return [record for record in records if issubclass(record, schema.ComponentConfig)]


def _reference(record: type[BaseModel]) -> Json:
    return {"$ref": f"#/$defs/{record.__name__}"}


def _component_schema(entry: CatalogueEntry, component: Any, table_schema: Json, key: str, definitions: Json) -> Json:
    """The schema of a table that names this component: the recipe's own keys, and the component's config."""
    model: type[BaseModel] = component.Config
    config = _simplify_schema(model.model_json_schema(by_alias=True, ref_template=f"#/$defs/{key}.{{model}}"))
    definitions |= {f"{key}.{name}": definition for name, definition in config.pop("$defs", {}).items()}
    properties: Json = dict.fromkeys(table_schema["properties"], True)
    required = [*table_schema.get("required", ()), *config.get("required", ())]
    ports = getattr(component, "ports", None)
    if ports:
        properties["on"] = {
            "properties": {name: {"type": "string"} | _describe_port(port) for name, port in ports.items()},
            "required": [name for name, port in ports.items() if port.default is None],
            "additionalProperties": False,
        }
        required += ["on"] if properties["on"]["required"] else []
    return {
        "description": entry.spec.summary,
        "properties": properties | config.get("properties", {}),
        "required": list(dict.fromkeys(required)),
        "additionalProperties": config.get("additionalProperties", False),
    }


def _describe_port(port: Any) -> Json:
    return {"description": port.about} | ({"default": port.default} if port.default else {})


def _use_condition(component_names: list[str]) -> Json:
    return {"properties": {"use": {"enum": component_names}}, **REQUIRES_USE}


def _simplify_schema(node: Any) -> Any:
    """A schema without null, which TOML lacks, and without titles, which repeat a key."""
    if isinstance(node, list):
        return [_simplify_schema(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    simple = {key: _simplify_schema(value) for key, value in node.items() if not _is_redundant(key, value)}
    members = [member for member in simple.get("anyOf", ()) if member != {"type": "null"}]
    if "anyOf" in simple and len(members) < len(simple["anyOf"]):
        del simple["anyOf"]
        simple |= members[0] if len(members) == 1 else {"anyOf": members}
    if "oneOf" in simple:  # an incomplete table, which merges into another, may match several
        simple["anyOf"] = simple.pop("oneOf")
    return simple


def _is_redundant(key: str, value: Any) -> bool:
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)
