"""All that can be told of a recipe before anything runs, in one go: the joining place of what each room finds."""

from __future__ import annotations

import torch

from zerokd.errors import Problem, RecipeError, ZerokdError, combined
from zerokd.objective.signals import misnamed, unmeasurable
from zerokd.objective.stage_plan import Phase, Unbuilt
from zerokd.plugin.blame import blame
from zerokd.plugin.catalogue import Catalogue
from zerokd.recipe.build.components import Components
from zerokd.recipe.build.requirements import unmet
from zerokd.recipe.build.resolver import try_to_resolve
from zerokd.recipe.schema.recipe import Recipe, understood
from zerokd.recipe.toml.document import Document

ANY_SIZE = 64  # pixels a side; a stage is asked for the names of its inputs, not for their values


def checked(document: Document, catalogue: Catalogue) -> tuple[Recipe, Components]:
    """The recipe that a document holds, and everything that it names, built.

    Raises:
        ZerokdError: with every mistake in keys, types, names, configs, bindings, equations and signals, in the order of
            the text; what only follows from another one is left out.
    """
    recipe, problems = understood(document)
    attempt = try_to_resolve(recipe, document, catalogue)
    built = attempt.components
    faults: list[ZerokdError] = [RecipeError(*problems)] if problems else []
    lacking = tuple(unmet(recipe.requires, document, catalogue))
    faults += [RecipeError(*lacking)] if lacking else []
    faults += attempt.faults
    for phase in built.phases:
        try:
            found = misnamed(phase, built, _inputs(phase), attempt.unbuilt)
            faults += [RecipeError(*found)] if found else []
        except ZerokdError as fault:
            faults.append(fault.at(phase.place))
    found = unmeasurable(built.measures, built.phases, built, attempt.unbuilt)
    faults += [RecipeError(*found)] if found else []
    if faults:
        error = combined(faults)
        raise type(error)(*sorted(error.problems, key=lambda problem: _order(problem, document)))
    return recipe, built


def _inputs(phase: Phase) -> tuple[str, ...] | None:
    if isinstance(phase.stage, Unbuilt):
        return None
    with blame(f"stage {phase.name!r}"):
        return tuple(phase.stage.inputs(torch.zeros(1, 3, ANY_SIZE, ANY_SIZE)))


def _order(problem: Problem, document: Document) -> tuple[int, int, int]:
    """The recipe's own file, those that it extends, and at last the command line."""
    files = [source.file for source in document.sources]
    place = problem.place
    if place is None or place.file not in files:
        return len(files), 0, 0
    return files.index(place.file), place.line, place.column
