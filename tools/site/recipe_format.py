"""The reference of the recipe's format, from the records that validate it."""

from __future__ import annotations

import inspect

import attrs
from pydantic import BaseModel

from tools.site.component import keys_table
from tools.site.markdown import from_docstring, page
from zerokd.plugin.keys import keys_of
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.schema.speed import Speed

ABOUT = """A recipe is a TOML file of tables with names, never arrays of tables: each value has a dotted key of its own,
by which `--set`, messages and logs name it. Types are strict, unknown keys are refused, and every mistake is told with
its line before the first step. `zerokd schema` writes the same as a JSON Schema, which editors check against when a
recipe starts with `#:schema PATH`. Keys that a table does not list here are the config of the component that `use`
names: [all of them](components/index.md)."""
EXTENDS = """`extends = "paper.toml"`, before the first table, lays a recipe over another one. Its path counts from the
folder of this file. Tables merge key by key; one that says `use` replaces the old one whole."""
DURATIONS = """Durations have a unit, `"500 steps"` or `"20 epochs"`, and count from the start of their stage."""
TABLES: dict[str, type[BaseModel]] = {  # by the header that it has in a recipe
    "[data]": schema.Data,
    "[models.NAME]": schema.Network,
    "[models.NAME], a moving average": schema.Average,
    "[stages.NAME]": schema.Phase,
    "[stages.NAME.optimizer]": schema.Optimizer,
    "[stages.NAME.augment.NAME]": schema.Augmentation,
    "[stages.NAME.aggregate]": schema.Aggregate,
    "[terms.GROUP.NAME]": schema.Term,
    "[terms.GROUP.NAME], key when": schema.When,
    "a weight or param that changes": schema.Schedule,
    "a param made of others": schema.Derived,
    "[metrics.NAME]": schema.Metric,
    "[observers.NAME]": schema.Observer,
    "[speed]": Speed,
}


def recipe_format_page() -> str:
    """Every table that a recipe may have, with its keys."""
    top = _keys(schema.Recipe, without=("data", "models", "stages", "terms", "metrics", "observers", "speed"))
    parts = [f"## {title}\n\n{_about(one)}\n\n{_keys(one)}" for title, one in TABLES.items()]
    return page("# The recipe", ABOUT, f"## Before the first table\n\n{EXTENDS}\n\n{DURATIONS}\n\n{top}", *parts)


def _about(record: type[BaseModel]) -> str:
    return from_docstring(inspect.cleandoc(record.__doc__ or ""))


def _keys(record: type[BaseModel], without: tuple[str, ...] = ()) -> str:
    return keys_table([attrs.asdict(key) for key in keys_of(record) if key.key not in without])
