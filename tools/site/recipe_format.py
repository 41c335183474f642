"""The reference of the recipe format, generated from its schema."""

from __future__ import annotations

import inspect

import attrs
from pydantic import BaseModel

from tools.site.component import keys_table
from tools.site.markdown import build_page, docstring_to_markdown
from zerokd.plugin.config_keys import list_config_keys
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.schema.optimizer import ParameterGroupConfig
from zerokd.recipe.schema.selection import BestConfig
from zerokd.recipe.schema.speed import SpeedConfig

RECIPE_INTRODUCTION = """A recipe is a TOML file of named tables, without arrays of tables: each value has a dotted key, which
`--set`, messages and logs use. Types are strict, zerokd rejects unknown keys, and it reports every error with its line
before training starts. `zerokd schema` writes the format as a JSON Schema; editors validate a recipe that starts with
`#:schema PATH`. Keys that a table below does not list belong to the config of the component that `use` names: see
[Components](components/index.md)."""
EXTENDS_TEXT = """`extends = "paper"`, before the first table, inherits from a shipped recipe (`zerokd list recipes` shows
all), and `extends = "base.toml"` from the file at that path, relative to the recipe's folder. Tables merge key by key; a table with `use` replaces the inherited one completely."""
DURATIONS_TEXT = """Durations have a unit, `"500 steps"` or `"20 epochs"`, and start with their stage."""
TABLE_SCHEMAS: dict[str, type[BaseModel]] = {  # by its header in a recipe
    "[data]": schema.DataSourceConfig,
    "[models.NAME]": schema.ModelConfig,
    "[models.NAME], a moving average": schema.AverageConfig,
    "[signals.NAME]": schema.SignalConfig,
    "[stages.NAME]": schema.StageConfig,
    "[stages.NAME.optimizer]": schema.OptimizerConfig,
    "[stages.NAME.optimizer], an entry of groups": ParameterGroupConfig,
    "[stages.NAME.augment.NAME]": schema.AugmentationConfig,
    "[stages.NAME.aggregate]": schema.AggregatorConfig,
    "[stages.NAME.critic]": schema.CriticConfig,
    "[terms.GROUP.NAME]": schema.TermConfig,
    "[terms.GROUP.NAME], key when": schema.WhenConfig,
    "a scheduled weight, param or learning rate": schema.ScheduleConfig,
    "a derived param": schema.DerivedParamConfig,
    "[best]": BestConfig,
    "[metrics.NAME]": schema.MetricConfig,
    "[observers.NAME]": schema.ObserverConfig,
    "[speed]": SpeedConfig,
}


def recipe_format_page() -> str:
    """Every table of a recipe with its keys."""
    top = _build_keys_table(schema.Recipe, exclude=("data", "models", "signals", "stages", "terms", "metrics", "observers", "speed", "best"))
    parts = [f"## {title}\n\n{_describe_table(table)}\n\n{_build_keys_table(table)}" for title, table in TABLE_SCHEMAS.items()]
    return build_page("# The recipe", RECIPE_INTRODUCTION, f"## Before the first table\n\n{EXTENDS_TEXT}\n\n{DURATIONS_TEXT}\n\n{top}", *parts)


def _describe_table(schema_class: type[BaseModel]) -> str:
    return docstring_to_markdown(inspect.cleandoc(schema_class.__doc__ or ""))


def _build_keys_table(schema_class: type[BaseModel], exclude: tuple[str, ...] = ()) -> str:
    return keys_table([attrs.asdict(key) for key in list_config_keys(schema_class) if key.key not in exclude])
