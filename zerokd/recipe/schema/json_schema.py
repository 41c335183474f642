"""The JSON Schema of recipes, for editors: every installed component with its config.

A recipe that extends another may leave anything out, and so may its tables that have no ``use``, since they are merged
into the ones before. So a table is held to its component's keys once it names one, and to be whole where the recipe
extends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from zerokd.errors import RecipeError
from zerokd.plugin.catalogue import Catalogue, CatalogueEntry
from zerokd.plugin.loading import load_component
from zerokd.plugin.specs import SINGULAR
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.toml.extends import EXTENDS

Json = dict[str, Any]
COMPONENT_CONFIGS: tuple[type[schema.ComponentConfig], ...] = (
    schema.AdapterConfig,
    schema.AggregatorConfig,
    schema.AugmentationConfig,
    schema.DataSourceConfig,
    schema.MetricConfig,
    schema.ModelConfig,
    schema.ObserverConfig,
    schema.StageConfig,
    schema.ScheduleConfig,
    schema.TermConfig,
)
REQUIRES_USE = {"required": ["use"]}
COMPLETE_TABLES: Json = {  # what a recipe that extends nothing has in its tables
    "data": REQUIRES_USE,
    "models": {"additionalProperties": {"anyOf": [REQUIRES_USE, {"required": ["average_of"]}]}},
    "params": {
        "additionalProperties": {"if": {"type": "object"}, "then": {"anyOf": [REQUIRES_USE, {"required": ["equals"]}]}}
    },
    "stages": {"additionalProperties": REQUIRES_USE | {"properties": {"aggregate": REQUIRES_USE}}},
    "metrics": {"additionalProperties": REQUIRES_USE},
    "observers": {"additionalProperties": REQUIRES_USE},
    "terms": {"additionalProperties": {"additionalProperties": REQUIRES_USE}},
}


def build_recipe_json_schema(catalogue: Catalogue) -> tuple[Json, list[str]]:
    """The schema (draft 2020-12), and a line for every component that is left out since it cannot be imported."""
    root = _simplify_schema(schema.Recipe.model_json_schema(by_alias=True))
    definitions: Json = root.pop("$defs")
    left_out: list[str] = []
    for table in COMPONENT_CONFIGS:
        own = definitions[table.__name__]
        names, cases = [], []
        for entry in catalogue.for_kind(table.kind):
            try:
                component = load_component(entry)
            except RecipeError as error:
                left_out.append(f"{entry.qualified_name} is left out: {error.problems[0].message}")
                continue
            uses = [entry.qualified_name] if entry.spec.name in names else [entry.spec.name, entry.qualified_name]
            names += uses
            key = f"{SINGULAR[table.kind]} {entry.spec.name}".replace(" ", "_")
            key = key if key not in definitions else entry.qualified_name
            definitions[key] = _component_schema(entry, component, own, key, definitions)
            cases.append({"if": _use_condition(uses), "then": {"$ref": f"#/$defs/{key}"}})
        if cases:  # of observers there may be none
            use = own["properties"]["use"] | {"enum": names}
            own |= {"properties": own["properties"] | {"use": use}, "allOf": cases}
        own.pop("required"), own.pop("additionalProperties")
    adapters = definitions["Adapter"]["properties"]["use"]["enum"]
    definitions["Term"]["properties"]["adapt"]["items"] = {"anyOf": [{"enum": adapters}, {"$ref": "#/$defs/Adapter"}]}
    required = root.pop("required")
    models = {"if": {"required": ["average_of"]}, "then": {"$ref": "#/$defs/Average"}}
    (pattern,) = root["properties"]["models"]["patternProperties"]
    root["properties"]["models"]["patternProperties"] = {pattern: models | {"else": {"$ref": "#/$defs/Network"}}}
    extends = {"type": "string", "description": "a recipe that this one is laid over, a path from this file's folder"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "zerokd recipe",
        **root,
        "properties": {EXTENDS: extends, **root["properties"]},
        "if": {"required": [EXTENDS]},
        "else": {"required": required, "properties": COMPLETE_TABLES},
        "$defs": dict(sorted(definitions.items())),
    }, left_out


def _component_schema(entry: CatalogueEntry, component: Any, table_schema: Json, key: str, definitions: Json) -> Json:
    """What a table that names this component holds: the recipe's own keys, and the component's config."""
    config: type[BaseModel] = component.Config
    found = _simplify_schema(config.model_json_schema(by_alias=True, ref_template=f"#/$defs/{key}.{{model}}"))
    definitions |= {f"{key}.{name}": one for name, one in found.pop("$defs", {}).items()}
    kept: Json = dict.fromkeys(table_schema["properties"], True)
    required = [*table_schema.get("required", ()), *found.get("required", ())]
    ports = getattr(component, "ports", None)
    if ports:
        kept["on"] = {
            "properties": {name: {"type": "string"} | _describe_port(port) for name, port in ports.items()},
            "required": [name for name, port in ports.items() if port.default is None],
            "additionalProperties": False,
        }
        required += ["on"] if kept["on"]["required"] else []
    return {
        "description": entry.spec.summary,
        "properties": kept | found.get("properties", {}),
        "required": list(dict.fromkeys(required)),
        "additionalProperties": False,
    }


def _describe_port(port: Any) -> Json:
    return {"description": port.about} | ({"default": port.default} if port.default else {})


def _use_condition(component_names: list[str]) -> Json:
    return {"properties": {"use": {"enum": component_names}}, **REQUIRES_USE}


def _simplify_schema(node: Any) -> Any:
    """Without null, which TOML has not, and without the titles that only repeat a key."""
    if isinstance(node, list):
        return [_simplify_schema(one) for one in node]
    if not isinstance(node, Mapping):
        return node
    kept = {key: _simplify_schema(one) for key, one in node.items() if not _is_redundant(key, one)}
    some = [one for one in kept.get("anyOf", ()) if one != {"type": "null"}]
    if "anyOf" in kept and len(some) < len(kept["anyOf"]):
        del kept["anyOf"]
        kept |= some[0] if len(some) == 1 else {"anyOf": some}
    if "oneOf" in kept:  # a table that is to be merged may look like several
        kept["anyOf"] = kept.pop("oneOf")
    return kept


def _is_redundant(key: str, value: Any) -> bool:
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)
