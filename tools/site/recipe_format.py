"""The reference of the recipe's format, from the records that validate it."""

from __future__ import annotations

import inspect

import attrs
from pydantic import BaseModel

from tools.site.component import keys_table
from tools.site.markdown import build_page, docstring_to_markdown
from zerokd.plugin.config_keys import list_config_keys
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.schema.speed import SpeedConfig

RECIPE_INTRODUCTION = """A recipe is a TOML file of tables with names, never arrays of tables: each value has a dotted key of its own,
by which `--set`, messages and logs name it. Types are strict, unknown keys are refused, and every mistake is told with
its line before the first step. `zerokd schema` writes the same as a JSON Schema, which editors check against when a
recipe starts with `#:schema PATH`. Keys that a table does not list here are the config of the component that `use`
names: [all of them](components/index.md)."""
EXTENDS_TEXT = """`extends = "paper.toml"`, before the first table, lays a recipe over another one. Its path counts from the
folder of this file. Tables merge key by key; one that says `use` replaces the old one whole."""
DURATIONS_TEXT = """Durations have a unit, `"500 steps"` or `"20 epochs"`, and count from the start of their stage."""
TABLE_SCHEMAS: dict[str, type[BaseModel]] = {  # by the header that it has in a recipe
    "[data]": schema.DataSourceConfig,
    "[models.NAME]": schema.ModelConfig,
    "[models.NAME], a moving average": schema.AverageConfig,
    "[stages.NAME]": schema.StageConfig,
    "[stages.NAME.optimizer]": schema.OptimizerConfig,
    "[stages.NAME.augment.NAME]": schema.AugmentationConfig,
    "[stages.NAME.aggregate]": schema.AggregatorConfig,
    "[terms.GROUP.NAME]": schema.TermConfig,
    "[terms.GROUP.NAME], key when": schema.WhenConfig,
    "a weight or param that changes": schema.ScheduleConfig,
    "a param made of others": schema.DerivedParamConfig,
    "[metrics.NAME]": schema.MetricConfig,
    "[observers.NAME]": schema.ObserverConfig,
    "[speed]": SpeedConfig,
}


def recipe_format_page() -> str:
    """Every table that a recipe may have, with its keys."""
    top = _build_keys_table(schema.Recipe, exclude=("data", "models", "stages", "terms", "metrics", "observers", "speed"))
    parts = [f"## {title}\n\n{_describe_table(one)}\n\n{_build_keys_table(one)}" for title, one in TABLE_SCHEMAS.items()]
    return build_page("# The recipe", RECIPE_INTRODUCTION, f"## Before the first table\n\n{EXTENDS_TEXT}\n\n{DURATIONS_TEXT}\n\n{top}", *parts)


def _describe_table(schema_class: type[BaseModel]) -> str:
    return docstring_to_markdown(inspect.cleandoc(schema_class.__doc__ or ""))


def _build_keys_table(schema_class: type[BaseModel], exclude: tuple[str, ...] = ()) -> str:
    return keys_table([attrs.asdict(key) for key in list_config_keys(schema_class) if key.key not in exclude])
