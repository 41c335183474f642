"""Builds the params of a recipe."""

from __future__ import annotations

from zerokd.objective.schedules import ParamValue, find_param_cycle
from zerokd.plugin.contracts import Schedule
from zerokd.recipe.build.builder import Builder
from zerokd.recipe.build.names import RecipeNames
from zerokd.recipe.schema import recipe as schema


def build_params(builder: Builder, recipe: schema.Recipe, names: RecipeNames) -> dict[str, ParamValue]:
    """Every valid param: a number, a schedule, or an expression over others."""
    params: dict[str, ParamValue] = {}
    known = frozenset(names.declared("params"))
    for name, table in recipe.params.items():
        path = ("params", name)
        value: ParamValue | None
        if isinstance(table, schema.ScheduleConfig):
            value = builder.build(table, path)
        elif isinstance(table, schema.DerivedParamConfig):
            value = builder.parse_derived_param(table.equals, (*path, "equals"), known)
        else:
            value = table
        if value is not None:
            params[name] = value
    cycle = find_param_cycle(params)
    if cycle:
        text = f"params depend on one another in a cycle: {' -> '.join(cycle)}"
        builder.report(text, builder.document.key_place(("params", cycle[0])))
    return {name: value for name, value in params.items() if not cycle or isinstance(value, float | Schedule)}
