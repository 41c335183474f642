"""A stage's objective out of a recipe, for a training loop of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from attrs import evolve
from torch import nn

from zerokd.errors import Place, Problem, RecipeError, ZerokdError, calling_place, combine_errors, did_you_mean
from zerokd.objective.declaration import make_clock, warn_of_fallbacks
from zerokd.objective.models import CRITIC, Average, AveragedModel, ModelSet, build_model_set
from zerokd.objective.objective import Objective
from zerokd.objective.players import select_models
from zerokd.objective.signal_name import SignalName, SignalSyntaxError
from zerokd.objective.stage_plan import StagePlan
from zerokd.plugin.clock import Clock
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.global_state import preserve_global_state
from zerokd.plugin.loading import load_component
from zerokd.plugin.ports import Port
from zerokd.recipe.build.models import build_averages, build_model
from zerokd.recipe.build.names import WORD_PATTERN
from zerokd.recipe.build.overrides import apply_python_settings
from zerokd.recipe.build.params import build_params
from zerokd.recipe.build.resolver import RecipeResolver
from zerokd.recipe.build.signals import build_views
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.toml.document import Document
from zerokd.recipe.toml.extends import read_recipe

PARTIAL = {"name": "objective", "data": {"use": "dead_leaves"}, "models": {}}  # of a recipe that is an objective alone


def compose(
    recipe: str | Path,
    stage: str | None = None,
    *,
    player: Literal["student", "critic"] = "student",
    set: Mapping[str, Any] | None = None,
    models: Mapping[str, nn.Module | Average] | None = None,
    steps: int | None = None,
    steps_per_epoch: int | None = None,
    plugins: Iterable[str | Path] = (),
) -> Objective:
    """The objective of one stage of a recipe, as a module for any training loop.

    Args:
        recipe: the path of a TOML file, the name of a shipped recipe (``paper``), or TOML text (with a line break).
        stage: the stage's name; needed where the recipe has several.
        player: whose objective, in a stage with a critic. Your loop trains both, each on its own objective: give both
            calls the same two modules, as ``models={"student": ..., "critic": ...}``.
        set: changes to the recipe by dotted key: ``{"params.alpha": 0.4}``; None removes a key.
        models: modules that take the place of the recipe's, by name. Of the others, those that the stage reads are
            built as the recipe says.
        steps: how many steps your loop takes; by default as many as the recipe's stage, on the recipe's data.
        steps_per_epoch: how many of them are one epoch; by default all.
        plugins: one-file plugins, as ``--plugin`` takes them.

    Raises:
        ZerokdError: with every problem of the recipe that concerns this stage, each at its place.

    Warns:
        UserWarning: of every fallback that a component took, such as random weights where none can be fetched.

    Examples:
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
    place = calling_place()
    own_models = build_model_set(models or {}, place)
    document = apply_python_settings(read_recipe(recipe), set or {}, place)
    name = _choose_stage(document, stage, place)
    document = evolve(document, tables={**PARTIAL, **document.tables, "run": [name]})
    clock = make_clock(steps, steps_per_epoch, place)
    resolver = RecipeResolver(schema.validate_recipe(document), document, discover_plugins(plugins, strict=True))
    with preserve_global_state():
        plan, built = _build_objective(resolver, name, player, own_models, clock, place)
    if resolver.errors:
        raise combine_errors(resolver.errors)
    warn_of_fallbacks(resolver.fallbacks, place)
    return Objective.from_plan(plan, built)


def _choose_stage(document: Document, stage: str | None, place: Place) -> str:
    declared = document.tables.get("stages", {})
    names = list(declared) if isinstance(declared, dict) else []
    if stage is None and len(names) == 1:
        return names[0]
    if stage is None:
        hint = f"the recipe's stages: {', '.join(names) or 'none'}"
        raise RecipeError(Problem("stage= is missing", place, (hint,), code="unknown-component"))
    if stage not in names:
        raise RecipeError(
            Problem(f"unknown stage {stage!r}", place, did_you_mean(stage, names), code="unknown-component")
        )
    return stage


def _build_objective(
    resolver: RecipeResolver, name: str, player: str, own_models: ModelSet, clock: Clock | None, place: Place
) -> tuple[StagePlan, ModelSet]:
    """The plan of a player of a stage, and the models that its terms read: given ones, and the rest by the recipe."""
    recipe, table = resolver.recipe, resolver.recipe.stages[name]
    if clock is None:
        data = resolver.build(recipe.data, ("data",)) if recipe.data else None
        resolver.training_image_count = resolver.count_training_images(data)
        clock = resolver.compute_clock(table)
    resolver.params = build_params(resolver, recipe, resolver.names)
    if table.aggregate is not None:
        hint = f'set={{"stages.{name}.aggregate": None}} trains on the weighted sum'
        text = (
            f"an aggregator combines the gradients of stage {name!r}, and a loop that calls total.backward() has none"
        )
        resolver.report(text, resolver.document.key_place(("stages", name, "aggregate")), hint, code="setting")
    if player == CRITIC and table.critic is None:
        text = f"stage {name!r} has no critic"
        raise RecipeError(Problem(text, place, ("player= names what the stage trains",), code="unknown-component"))
    words = {*WORD_PATTERN.findall(f"{table.objective} {table.critic.objective if table.critic else ''}")}
    groups = [group for group in recipe.terms if group in words]
    resolver.views = build_views(resolver, recipe)
    texts = [text for group in groups for text in _read_signals(resolver, recipe.terms[group])]
    owners = _model_names([*texts, *(view.source for view in resolver.views.values())])
    for owner in sorted({*own_models.owners} - owners - recipe.models.keys()):
        text, hints = f"no term of stage {name!r} reads the model {owner!r}", did_you_mean(owner, owners)
        resolver.report(text, place, *hints, code="unknown-signal")
    models, averages = dict(own_models.models), dict(own_models.averages)
    read = owners | {
        average.average_of
        for owner, average in recipe.models.items()
        if owner in owners and isinstance(average, schema.AverageConfig)
    }
    for owner, model_table in recipe.models.items():
        if owner in read and owner not in own_models.owners and isinstance(model_table, schema.ModelConfig):
            model = build_model(resolver, recipe, resolver.names, owner, model_table)
            models |= {} if model is None else {owner: model}
    built_averages = build_averages(resolver, recipe, models)
    averages = {owner: built_averages[owner] for owner in built_averages if owner in owners} | averages
    terms = resolver.build_terms(groups)
    stage = resolver.build_stage(name, list(terms.values()), clock)
    return _select_player(stage, player, models, averages)


def _select_player(
    stage: StagePlan, player: str, models: dict[str, nn.Module], averages: dict[str, AveragedModel]
) -> tuple[StagePlan, ModelSet]:
    """The plan of a player, and what it may read; a critic among the ``models`` takes the place of the recipe's."""
    if stage.critic is None:
        return stage, ModelSet(models, averages)
    stage = evolve(stage, critic=evolve(stage.critic, network=models.pop(CRITIC, stage.critic.network)))
    plan = stage.players[player == CRITIC]
    return plan, select_models(stage, plan, ModelSet(models, averages))


def _model_names(texts: Iterable[str]) -> set[str]:
    """The models of signals; a text that names no signal is reported where its term is built."""
    names: set[str] = set()
    for text in texts:
        with suppress(SignalSyntaxError):
            names |= {name.owner for name in SignalName.parse(text).walk() if name.is_of_model}
    return names


def _read_signals(resolver: RecipeResolver, tables: Mapping[str, schema.TermConfig]) -> Iterator[str]:
    """The signals that terms read; those of a loss that cannot be loaded are reported when it is built."""
    for table in tables.values():
        yield from table.on.values()
        with suppress(ZerokdError):
            loss = load_component(resolver.catalogue.find("losses", table.use))
            ports: Mapping[str, Port] = getattr(loss, "ports", {})
            yield from (port.default for name, port in ports.items() if port.default and name not in table.on)
