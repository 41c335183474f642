"""Builds the models of a recipe from its seed, loads their weights, and freezes all but the student."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import nn

from zerokd.objective.models import CRITIC, STUDENT, AveragedModel, copy_for_average
from zerokd.plugin.contracts import Model
from zerokd.recipe.build.builder import Builder
from zerokd.recipe.build.components import ComponentRecord
from zerokd.recipe.build.names import RecipeNames
from zerokd.recipe.build.pretrained import install_weights
from zerokd.recipe.schema import recipe as schema


def build_models(builder: Builder, recipe: schema.Recipe, names: RecipeNames) -> dict[str, nn.Module]:
    """Every model with its weights; all but the student are frozen."""
    if STUDENT not in names.declared("models") and names.is_complete("models"):
        builder.failed_paths.add(("models", STUDENT))
        builder.report(
            f"models lacks {STUDENT!r}, the model that is trained",
            builder.document.key_place(("models",)),
            code="missing-key",
        )
    if CRITIC in names.declared("models"):
        hint = "rename it: [stages.NAME.critic] is what signals call critic"
        builder.report(
            "models.critic has the name of a stage's critic", builder.document.key_place(("models", CRITIC)), hint
        )
    tables = {name: table for name, table in recipe.models.items() if isinstance(table, schema.ModelConfig)}
    built = {name: build_model(builder, recipe, names, name, table) for name, table in tables.items()}
    return {name: model for name, model in built.items() if model is not None}


def build_model(
    builder: Builder, recipe: schema.Recipe, names: RecipeNames, name: str, table: schema.ModelConfig
) -> nn.Module | None:
    """A model with its weights, frozen unless it is the student; None where it failed."""
    torch.manual_seed(recipe.seed)  # for each model: the weights of one do not depend on the others
    model: Model | None = builder.build(table, ("models", name))
    if model is None:
        return None
    with builder.collect_errors(builder.document.value_place(("models", name, "weights"))):
        spec = builder.catalogue.find("models", table.use).spec
        source = install_weights(model, table.weights, spec, recipe.seed)
        builder.provenance[f"models.{name}"].update(cast(ComponentRecord, source))
    if name != STUDENT:
        model.requires_grad_(False).eval()
        _require_weights(builder, name, names, model)
    elif not any(parameter.requires_grad for parameter in model.parameters()):
        hint = f'[models.teacher] use = "{table.use}" makes it a teacher; choose a student with parameters'
        place = builder.document.value_place(("models", name, "use"))
        builder.report(f"models.{name} has no parameter to train", place, hint, code="no-gradient")
        builder.failed_paths.add(("models", name))
        return None
    return model


def _require_weights(builder: Builder, name: str, names: RecipeNames, model: Model) -> None:
    """Report a frozen model without weights: random ones would teach noise."""
    if "weights" not in names.declared("models", name) and "sha256" not in model.sources:
        hints = (f'add weights = "bundled" or a path under [models.{name}]',)
        builder.report(
            f"models.{name} is frozen and has no weights",
            builder.document.key_place(("models", name)),
            *hints,
            code="unknown-signal",
        )


def build_averages(
    builder: Builder, recipe: schema.Recipe, models: Mapping[str, nn.Module]
) -> dict[str, AveragedModel]:
    """Every moving average, which starts as a copy of the model that it follows."""
    averages = {}
    for name, table in recipe.models.items():
        if not isinstance(table, schema.AverageConfig):
            continue
        if table.average_of != STUDENT:
            place = builder.document.value_place(("models", name, "average_of"))
            builder.report(f"only {STUDENT!r} changes during a run and can be averaged", place, code="unknown-signal")
        elif table.average_of in models:
            average = copy_for_average(models[table.average_of])
            averages[name] = AveragedModel(table.average_of, average, table.decay)
    return averages
