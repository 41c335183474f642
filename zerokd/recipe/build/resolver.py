"""Recipe + catalogue -> Components: names become objects, and every mistake on the way is told at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import evolve

from zerokd.equation.equation import Equation, UnknownNameError, parse_equation, parse_scalar
from zerokd.equation.expression import EquationError, Expression, Number, Series
from zerokd.errors import KeyPath, Place, combine_errors, did_you_mean
from zerokd.objective.autocast import AUTOCAST_DTYPES
from zerokd.objective.stage_plan import OptimizerSettings, PlaceholderStage, StagePlan
from zerokd.objective.term import ActiveSteps, BoundTerm
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.clock import Clock
from zerokd.plugin.contracts import Schedule, count_held_out
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.global_state import preserve_global_state
from zerokd.recipe.build.binding import bind_ports, build_metrics
from zerokd.recipe.build.builder import Builder
from zerokd.recipe.build.components import BuildResult, Components
from zerokd.recipe.build.models import build_averages, build_models
from zerokd.recipe.build.names import WORD_PATTERN, RecipeNames
from zerokd.recipe.build.schedules import ParamValue, find_param_cycle
from zerokd.recipe.build.stage_weights import (
    StageWeights,
    compute_term_step_mask,
    describe_stage_overruns,
    evaluate_coefficients,
    evaluate_term_weight,
)
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.toml.document import Document


def resolve_recipe(recipe: schema.Recipe, document: Document, catalogue: Catalogue) -> Components:
    """Build everything the recipe names. The student's first weights are drawn from the recipe's seed.

    Raises:
        ZerokdError: with every problem of names, configs, bindings, equations, weights and data, each at its place.
    """
    attempt = resolve_recipe_partially(recipe, document, catalogue)
    if attempt.errors:
        raise combine_errors(attempt.errors)
    return attempt.components


def resolve_recipe_partially(recipe: schema.Recipe, document: Document, catalogue: Catalogue) -> BuildResult:
    """Build what can be built of a recipe that may have been understood in part only."""
    resolver = _Resolver(recipe, document, catalogue)
    components = resolver.build_components()
    return BuildResult(components, tuple(resolver.errors), frozenset(resolver.failed_paths))


class _Resolver(Builder):
    """A part that failed is left out and never used.

    Names are known from the document: a table that could not be understood has been told already.
    """

    def __init__(self, recipe: schema.Recipe, document: Document, catalogue: Catalogue):
        super().__init__(document, catalogue)
        self.recipe = recipe
        self.names = RecipeNames(document.tables)
        self.possibly_used: set[str] = set()  # params and groups that an unknown name in an equation may stand for

    def build_components(self) -> Components:
        data: Any = self.build(self.recipe.data, ("data",)) if self.recipe.data else None
        self.params = self.build_params()
        self.training_image_count = self.count_training_images(data)
        models = build_models(self, self.recipe, self.names)
        averages = build_averages(self, self.recipe, models)
        terms = {
            (group, name): self.build_term(group, name, table)
            for group, named in self.recipe.terms.items()
            for name, table in named.items()
        }
        self.failed_paths |= {
            ("models", name) for name in self.names.declared("models") if name not in models | averages
        }
        self.failed_paths |= set() if self.names.is_complete("models") else {("models",)}
        for group, named in self.names.declared("terms").items():
            written = {("terms", group, name) for name in named} if isinstance(named, dict) else {("terms", group)}
            self.failed_paths |= {path for path in written if path[1:] not in terms}
        stages = {name: self.stage(name, list(terms.values())) for name in self.recipe.stages}
        phases = [stages[name] for name in self.resolve_stage_order()]
        self.report_unused()
        with preserve_global_state():  # what they draw while they are made, the run does not miss
            measures = build_metrics(self, self.recipe, self.names)
            observers = {name: self.build(one, ("observers", name)) for name, one in self.recipe.observers.items()}
        return Components(
            name=self.recipe.name,
            seed=self.recipe.seed,
            threads=self.recipe.threads,
            data=data,
            models=models,
            averages=averages,
            student_dtype=AUTOCAST_DTYPES.get(self.recipe.speed.autocast),
            frozen_per_image=True,  # as the cache of frozen outputs computes them
            stages=tuple(phases),
            provenance=self.provenance,
            used_entries=tuple(self.used_entries.values()),
            fallbacks=tuple(self.fallbacks),
            cautions=tuple(f"{', '.join(whose)}: {text}" for text, whose in self.cautions.items()),
            diagnose_every=self.recipe.diagnose_every,
            checkpoint_seconds=self.recipe.checkpoint_seconds,
            max_skipped_steps=self.recipe.skip_at_most if self.recipe.on_nonfinite == "skip" else 0,
            speed=self.recipe.speed,
            metrics=measures,
            observers={name: built for name, built in observers.items() if built is not None},
        )

    def build_term(self, group: str, name: str, table: schema.TermConfig) -> BoundTerm:
        path = ("terms", group, name)
        loss = self.build(table, path)
        adapters = [self.build(one, (*path, "adapt", i)) for i, one in enumerate(table.adapt)]
        on = bind_ports(self, self.names, table, path, loss)
        return BoundTerm(
            group=group,
            name=name,
            use=table.use,
            loss=loss,
            weight=self.build_weight(table, path),
            bindings=on,
            adapters=tuple(adapter for adapter in adapters if adapter is not None),
            adapter_names=tuple(f"{one.use}{one.options or ''}" for one in table.adapt),
            when=ActiveSteps(table.when.begin, table.when.until, table.when.every) if table.when else None,
            monitor=table.monitor,
            place=self.document.key_place(path),
            port_places={port: self.document.value_place((*path, "on", port)) for port in on},
            explicit_keys=tuple(table.options),
        )

    def build_weight(self, table: schema.TermConfig, path: KeyPath) -> float | Schedule:
        if not isinstance(table.weight, schema.ScheduleConfig):
            return table.weight
        built = self.build(table.weight, (*path, "weight"))
        return 1.0 if built is None else built

    def build_params(self) -> dict[str, ParamValue]:
        """Every param that could be understood: a number, a schedule, or an expression over others."""
        found: dict[str, ParamValue] = {}
        known = frozenset(self.names.declared("params"))
        for name, value in self.recipe.params.items():
            path = ("params", name)
            if isinstance(value, schema.ScheduleConfig):
                found |= {name: built} if (built := self.build(value, path)) else {}
            elif isinstance(value, schema.DerivedParamConfig):
                found |= (
                    {name: read} if (read := self.parse_derived_param(value.equals, (*path, "equals"), known)) else {}
                )
            else:
                found[name] = value
        circle = find_param_cycle(found)
        if circle:
            text = f"params are made of each other in a circle: {' -> '.join(circle)}"
            self.report(text, self.document.key_place(("params", circle[0])))
        return {name: one for name, one in found.items() if not circle or isinstance(one, float | Schedule)}

    def parse_derived_param(self, text: str, path: KeyPath, known: frozenset[str]) -> Expression | None:
        try:
            return parse_scalar(text, known)
        except EquationError as error:
            hints = (
                did_you_mean(error.name, known)
                if isinstance(error, UnknownNameError)
                else (error.hint,)[: bool(error.hint)]
            )
            self.report(
                f"params.{path[1]}: {error.message}",
                _place_in_string(self.document.value_place(path), error.column),
                *hints,
            )
        return None

    def count_training_images(self, data: Any) -> int:
        """How many images train; 1 where that is not known."""
        with self.collect_errors(self.document.key_place(("data",))), attribute_errors("the data source"):
            return max(1, len(data) - count_held_out(len(data), data.config.held_out)) if data else 1
        return 1

    def resolve_stage_order(self) -> list[str]:
        known = self.names.declared("stages")
        for position, name in enumerate(self.recipe.run):
            place = self.document.value_place(("run", position))
            if name not in known and self.names.is_complete("stages"):
                self.report(f"unknown stage {name!r}", place, *did_you_mean(name, known), code="unknown-component")
            elif name in self.recipe.run[:position]:
                hint = "give the second one a table and a name of its own"
                self.report(f"stage {name!r} runs twice", place, hint, code="wrong-value")
        meant = () if set(self.recipe.run) <= known.keys() else self.recipe.stages  # by an unknown name: any of them
        return [name for name in dict.fromkeys((*self.recipe.run, *meant)) if name in self.recipe.stages]

    def stage(self, name: str, terms: list[BoundTerm]) -> StagePlan:
        table = self.recipe.stages[name]
        path = ("stages", name)
        stage = self.build(table, path)
        augmentations = [self.build(one, (*path, "augment", key)) for key, one in table.augment.items()]
        aggregator = self.build(table.aggregate, (*path, "aggregate")) if table.aggregate else None
        per_epoch = -(-self.training_image_count // table.batch)
        clock = Clock(table.epochs * per_epoch, per_epoch)
        equation, found = self.build_equation(table, path, clock)
        chosen = [term for term in terms if term.group in equation.coefficients]
        weighing = self.build_stage_weights(chosen, found, clock)
        for text in describe_stage_overruns(equation, self.params, chosen, clock):
            self.cautions.setdefault(text, []).append(f"stage {name}")
        idle = [term for term in chosen if weighing.is_idle(term)]
        partial = {path, *(("terms", group) for group in found)} & {
            failed_path[:2] for failed_path in self.failed_paths
        }
        gap = weighing.first_empty_step(chosen)
        if gap is not None and not partial:
            when = "every weight is 0" + (f" at {clock.describe_step(gap)}" if len(idle) < len(chosen) else "")
            self.report(f"stage {name!r} trains on nothing: {when}", self.document.key_place(path))
        return StagePlan(
            name=name,
            plugin=PlaceholderStage() if stage is None else stage,
            equation=equation,
            clock=clock,
            coefficients=found,
            weights=weighing.weights,
            step_masks=weighing.step_masks,
            terms=tuple(term for term in chosen if term not in idle),
            epochs=table.epochs,
            batch_size=table.batch,
            optimizer=OptimizerSettings(**dict(table.optimizer)),
            augmentations=tuple(augmentation for augmentation in augmentations if augmentation is not None),
            idle_terms=tuple(term.label for term in idle),
            place=self.document.key_place(path),
            aggregator=aggregator,
            aggregator_name=table.aggregate.use if table.aggregate else "",
        )

    def build_equation(
        self, table: schema.StageConfig, path: tuple, clock: Clock
    ) -> tuple[Equation, dict[str, Series]]:
        """The equation and its coefficients; a wrong one is taken to be the sum of the groups that it may mean."""
        params, groups = frozenset(self.names.declared("params")), frozenset(self.names.declared("terms"))
        place = self.document.value_place((*path, "objective"))
        known = isinstance(self.names.declared(*path).get("objective"), str)
        try:
            equation = parse_equation(table.objective, params, groups)
            if params == self.params.keys():
                with self.collect_errors(place):
                    return equation, evaluate_coefficients(equation, self.params, clock, self.param_place)
        except EquationError as error:
            hints: tuple[str, ...] = (error.hint,) if error.hint else ()
            if isinstance(error, UnknownNameError):
                hints = did_you_mean(
                    error.name, params | groups, "params stand in [params], groups in [terms.<group>.*]"
                )
                self.possibly_used |= (params | groups) - self.names.names_in_equations()
                known &= self.names.is_complete("params", "terms")
            if known:
                self.report(f"objective of {path[-1]}: {error.message}", _place_in_string(place, error.column), *hints)
        self.failed_paths.add(path)
        named = sorted(groups & (self.possibly_used | set(WORD_PATTERN.findall(table.objective))))
        return Equation(table.objective, dict.fromkeys(named, Number(1.0))), dict.fromkeys(named, 1.0)

    def param_place(self, name: str) -> Place:
        return self.document.value_place(("params", name))

    def build_stage_weights(
        self, terms: list[BoundTerm], group_coefficients: dict[str, Series], clock: Clock
    ) -> StageWeights:
        """The terms' own weights and steps; a wrong one is told and taken to be 1, at every step."""
        weights: dict[str, Series] = {}
        active: dict[str, np.ndarray | None] = {}
        for term in terms:
            path = ("terms", term.group, term.name)
            weights[term.label], active[term.label] = 1.0, None
            with self.collect_errors(self.document.value_place((*path, "weight"))):
                weights[term.label] = evaluate_term_weight(term, clock)
            with self.collect_errors(self.document.key_place((*path, "when"))):
                active[term.label] = compute_term_step_mask(term, clock)
        return StageWeights(group_coefficients, weights, active)

    def report_unused(self) -> None:
        for path, message, hint in self.names.find_unused(self.recipe.params, self.recipe.terms, self.possibly_used):
            self.report(message, self.document.key_place(path), hint)


def _place_in_string(place: Place, column: int) -> Place:
    """A place some characters into a one-line string value, past its opening quote."""
    return evolve(place, column=place.column + 1 + column) if place.line else place
