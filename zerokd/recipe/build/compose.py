"""A stage's objective out of a recipe, for a loop of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve
from torch import nn

from zerokd.errors import Problem, RecipeError, combine_errors, did_you_mean
from zerokd.objective.models import Average
from zerokd.objective.objective import Objective, build_model_set
from zerokd.plugin.clock import Clock
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_settings
from zerokd.recipe.build.resolver import resolve_objective
from zerokd.recipe.schema.recipe import validate_recipe
from zerokd.recipe.toml.document import Document, parse_document
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.recipe.toml.format import format_toml_value

PARTIAL = {"name": "objective", "data": {"use": "dead_leaves"}}  # for a recipe that holds an objective alone


def compose(
    recipe: str | Path,
    stage: str | None = None,
    *,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - the recipe's word, as in --set
    models: Mapping[str, nn.Module | Average] | None = None,
    steps: int | None = None,
    steps_per_epoch: int | None = None,
    plugins: Iterable[str | Path] = (),
) -> Objective:
    """The objective of one stage of a recipe, as a module for any training loop.

    Args:
        recipe: the path of a TOML file, or its text (which holds a line break).
        stage: the stage's name; needed where the recipe has several.
        set: changes to the recipe by dotted key: ``{"params.alpha": 0.4}``.
        models: modules that take the place of the recipe's, by name; the others are built as the recipe says.
        steps: how many steps your loop takes; by default as many as the recipe's stage, on the recipe's data.
        steps_per_epoch: how many of them are one epoch; by default as in the recipe.
        plugins: one-file plugins, as ``--plugin`` takes them.

    Raises:
        ZerokdError: with every problem of the recipe that concerns this stage, each at its place.

    Example:
        >>> import torch, zerokd
        >>> text = '''
        ... [stages.fit]
        ... use = "self_supervised"
        ... objective = "task"
        ... epochs = 1
        ... [terms.task.color]
        ... use = "color_constancy"
        ... '''
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.Sigmoid())
        >>> objective = zerokd.compose(text, models={"student": net})
        >>> objective(torch.rand(2, 3, 16, 16)).weights
        {'task.color': 1.0}
    """
    given = dict(models or {})
    is_text = isinstance(recipe, str) and "\n" in recipe
    document = parse_document(str(recipe), "recipe") if is_text else read_recipe_document(Path(recipe))
    document = apply_settings(document, [f"{key}={format_toml_value(value)}" for key, value in (set or {}).items()])
    name = _choose_stage(document, stage)
    document = _complete(document, name, given)
    parsed = validate_recipe(document)
    clock = None if steps is None else Clock(steps, steps_per_epoch or steps)
    plan, built = resolve_objective(
        parsed, document, discover_plugins(plugins, strict=True), name, build_model_set(given), clock
    )
    return Objective.from_plan(plan, built)


def _choose_stage(document: Document, stage: str | None) -> str:
    names = list(document.tables.get("stages", {})) if isinstance(document.tables.get("stages"), dict) else []
    if stage is None and len(names) == 1:
        return names[0]
    if stage not in names:
        text = "give the stage" if stage is None else f"unknown stage {stage!r}"
        hints = did_you_mean(stage or "", names) if stage else (f"stages: {', '.join(names) or 'none'}",)
        raise RecipeError(Problem(text, document.key_place(("stages",)), hints, code="unknown-component"))
    return stage


def _complete(document: Document, stage: str, given: Mapping[str, object]) -> Document:
    """A recipe of this stage alone, whole where it was a part, with a table for every model that is given."""
    tables = {**PARTIAL, **document.tables, "run": [stage]}
    models = {name: table for name, table in tables.get("models", {}).items() if name not in given}
    tables["models"] = models | {name: {"use": GIVEN_MODEL} for name in given}
    return evolve(document, tables=tables)
