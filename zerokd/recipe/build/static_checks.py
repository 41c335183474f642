"""Every error of a recipe that zerokd can find without training, in one go."""

from __future__ import annotations

import torch

from zerokd.errors import Problem, RecipeError, ZerokdError, combine_errors
from zerokd.objective.players import iterate_players
from zerokd.objective.signals import find_metric_binding_problems, find_stage_binding_problems
from zerokd.objective.stage_plan import PlaceholderStage, StagePlan
from zerokd.plugin.batch import Batch
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.recipe.build.components import Components
from zerokd.recipe.build.requirements import find_unmet_requirements
from zerokd.recipe.build.resolver import resolve_recipe_partially
from zerokd.recipe.schema.recipe import Recipe, validate_recipe_partially
from zerokd.recipe.toml.document import Document

ANY_SIZE = 64  # pixels a side; only the names of a stage's inputs matter here


def check_recipe(document: Document, catalogue: Catalogue) -> tuple[Recipe, Components]:
    """The recipe in a document, and its components.

    Raises:
        ZerokdError: with every error in keys, types, names, configs, bindings, equations and signals, in the order of
            the text, but no error that follows from another one.
    """
    recipe, problems = validate_recipe_partially(document)
    result = resolve_recipe_partially(recipe, document, catalogue)
    components, failed_paths = result.components, result.failed_paths
    problems += tuple(find_unmet_requirements(recipe.requires, document, catalogue))
    errors: list[ZerokdError] = [*([RecipeError(*problems)] if problems else []), *result.errors]
    for stage in components.stages:
        try:
            for player, models in iterate_players(stage, components):
                names = _get_input_names(player, components)
                binding_problems = find_stage_binding_problems(player, models, names, failed_paths)
                errors += [RecipeError(*binding_problems)] if binding_problems else []
        except ZerokdError as error:
            errors.append(error.with_place(stage.place))
    binding_problems = find_metric_binding_problems(components.metrics, components.stages, components, failed_paths)
    errors += [RecipeError(*binding_problems)] if binding_problems else []
    if errors:
        combined = combine_errors(errors)
        raise combined.with_problems(*sorted(combined.problems, key=lambda problem: _sort_key(problem, document)))
    return recipe, components


def _get_input_names(stage: StagePlan, components: Components) -> tuple[str, ...] | None:
    """The names of a stage's inputs; None if they are unknown because of another error."""
    if isinstance(stage.plugin, PlaceholderStage) or components.data is None:
        return None
    image = torch.zeros(1, 3, ANY_SIZE, ANY_SIZE)
    with attribute_errors(f"stage {stage.name!r}"):
        return tuple(stage.plugin.inputs(Batch(dict.fromkeys(components.data.signals, image), ("zeros",))))


def _sort_key(problem: Problem, document: Document) -> tuple[int, int, int]:
    """Order of problems: the recipe's own file, the files that it extends, then the command line."""
    files = [source.file for source in document.sources]
    place = problem.place
    if place is None or place.file not in files:
        return len(files), 0, 0
    return files.index(place.file), place.line, place.column
