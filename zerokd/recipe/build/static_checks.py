"""All that can be told of a recipe before anything runs, in one go: the joining place of what each room finds."""

from __future__ import annotations

import torch

from zerokd.errors import Problem, RecipeError, ZerokdError, combine_errors
from zerokd.objective.signals import find_metric_binding_problems, find_stage_binding_problems
from zerokd.objective.stage_plan import PlaceholderStage, StagePlan
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.recipe.build.components import Components
from zerokd.recipe.build.requirements import find_unmet_requirements
from zerokd.recipe.build.resolver import resolve_recipe_partially
from zerokd.recipe.schema.recipe import Recipe, validate_recipe_partially
from zerokd.recipe.toml.document import Document

ANY_SIZE = 64  # pixels a side; a stage is asked for the names of its inputs, not for their values


def check_recipe(document: Document, catalogue: Catalogue) -> tuple[Recipe, Components]:
    """The recipe that a document holds, and everything that it names, built.

    Raises:
        ZerokdError: with every mistake in keys, types, names, configs, bindings, equations and signals, in the order of
            the text; what only follows from another one is left out.
    """
    recipe, problems = validate_recipe_partially(document)
    attempt = resolve_recipe_partially(recipe, document, catalogue)
    built = attempt.components
    errors: list[ZerokdError] = [RecipeError(*problems)] if problems else []
    lacking = tuple(find_unmet_requirements(recipe.requires, document, catalogue))
    errors += [RecipeError(*lacking)] if lacking else []
    errors += attempt.errors
    for stage in built.stages:
        try:
            found = find_stage_binding_problems(stage, built, _get_input_names(stage), attempt.failed_paths)
            errors += [RecipeError(*found)] if found else []
        except ZerokdError as fault:
            errors.append(fault.with_place(stage.place))
    found = find_metric_binding_problems(built.metrics, built.stages, built, attempt.failed_paths)
    errors += [RecipeError(*found)] if found else []
    if errors:
        error = combine_errors(errors)
        raise type(error)(*sorted(error.problems, key=lambda problem: _sort_key(problem, document)))
    return recipe, built


def _get_input_names(stage: StagePlan) -> tuple[str, ...] | None:
    if isinstance(stage.plugin, PlaceholderStage):
        return None
    with attribute_errors(f"stage {stage.name!r}"):
        return tuple(stage.plugin.inputs(torch.zeros(1, 3, ANY_SIZE, ANY_SIZE)))


def _sort_key(problem: Problem, document: Document) -> tuple[int, int, int]:
    """The recipe's own file, those that it extends, and at last the command line."""
    files = [source.file for source in document.sources]
    place = problem.place
    if place is None or place.file not in files:
        return len(files), 0, 0
    return files.index(place.file), place.line, place.column
