"""The stages of a run, in order."""

from __future__ import annotations

from zerokd.errors import did_you_mean
from zerokd.recipe.build.builder import Builder
from zerokd.recipe.build.names import RecipeNames
from zerokd.recipe.schema import recipe as schema


def resolve_stage_order(builder: Builder, recipe: schema.Recipe, names: RecipeNames) -> list[str]:
    """The names in ``run``. Reports those that no stage has, and those that stand there twice."""
    known = names.declared("stages")
    for position, name in enumerate(recipe.run):
        place = builder.document.value_place(("run", position))
        if name not in known and names.is_complete("stages"):
            builder.report(f"unknown stage {name!r}", place, *did_you_mean(name, known), code="unknown-component")
        elif name in recipe.run[:position]:
            hint = "give the second one a table and a name of its own"
            builder.report(f"stage {name!r} runs twice", place, hint, code="wrong-value")
    # an unknown name may mean any stage: all of them are checked
    possible = () if set(recipe.run) <= known.keys() else recipe.stages
    return [name for name in dict.fromkeys((*recipe.run, *possible)) if name in recipe.stages]
