"""Recipe + catalogue -> Components: names become objects, and one error reports every problem on the way."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

import numpy as np

from zerokd.equation.equation import Equation, parse_equation
from zerokd.equation.expression import EquationError, Number, Series, UnknownNameError
from zerokd.errors import KeyPath, Place, combine_errors
from zerokd.objective.autocast import AUTOCAST_DTYPES
from zerokd.objective.schedules import find_used_params
from zerokd.objective.signal_name import LOW
from zerokd.objective.stage_plan import PlaceholderStage, StagePlan
from zerokd.objective.stage_weights import (
    StageWeights,
    compute_term_step_mask,
    describe_stage_overruns,
    evaluate_coefficients,
    evaluate_term_weight,
)
from zerokd.objective.term import ActiveSteps, BoundTerm
from zerokd.objective.view import BoundView
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.clock import Clock
from zerokd.plugin.contracts import Schedule, count_held_out
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.global_state import preserve_global_state
from zerokd.recipe.build.aggregator import build_aggregator
from zerokd.recipe.build.binding import bind_ports, build_metrics
from zerokd.recipe.build.builder import Builder, place_in_string
from zerokd.recipe.build.components import BuildResult, Components
from zerokd.recipe.build.models import build_averages, build_models
from zerokd.recipe.build.names import WORD_PATTERN, RecipeNames
from zerokd.recipe.build.optimizer import build_optimizer
from zerokd.recipe.build.params import build_params
from zerokd.recipe.build.selection import build_selection
from zerokd.recipe.build.signals import build_views, report_signal_problems, select_stage_signals
from zerokd.recipe.build.stage_order import resolve_stage_order
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.toml.document import Document


def resolve_recipe(recipe: schema.Recipe, document: Document, catalogue: Catalogue) -> Components:
    """Build every component of a recipe. Its seed decides the student's first weights.

    Raises:
        ZerokdError: with every problem of names, configs, bindings, equations, weights and data, each at its place.
    """
    result = resolve_recipe_partially(recipe, document, catalogue)
    if result.errors:
        raise combine_errors(result.errors)
    return result.components


def resolve_recipe_partially(recipe: schema.Recipe, document: Document, catalogue: Catalogue) -> BuildResult:
    """Build the valid part of a recipe that may have errors."""
    resolver = RecipeResolver(recipe, document, catalogue)
    components = resolver.build_components()
    return BuildResult(components, tuple(resolver.errors), frozenset(resolver.failed_paths))


class RecipeResolver(Builder):
    """Leaves out a component that failed, and everything that needs it; names come from the document, since validation
    has already reported an invalid table."""

    def __init__(self, recipe: schema.Recipe, document: Document, catalogue: Catalogue):
        super().__init__(document, catalogue)
        self.recipe = recipe
        self.names = RecipeNames(document.tables)
        self.views: dict[str, BoundView] = {}
        self.data_signals: tuple[str, ...] = (LOW,)
        self.possibly_used: set[str] = set()  # params and groups that an unknown name in an equation may mean

    def build_components(self) -> Components:
        data: Any = self.build(self.recipe.data, ("data",)) if self.recipe.data else None
        self.params = build_params(self, self.recipe, self.names)
        self.training_image_count = self.count_training_images(data)
        models = build_models(self, self.recipe, self.names)
        averages = build_averages(self, self.recipe, models)
        self.views = build_views(self, self.recipe)
        terms = self.build_terms(self.recipe.terms)
        self.data_signals = (LOW,) if data is None else tuple(data.signals)
        self.record_failures(models.keys() | averages.keys(), terms.keys())
        stages = {
            name: self.build_stage(name, list(terms.values()), self.compute_clock(table))
            for name, table in self.recipe.stages.items()
        }
        report_signal_problems(self, terms.values(), self.views, stages.values(), data)
        order = resolve_stage_order(self, self.recipe, self.names)
        self.report_unused()
        with preserve_global_state():  # random numbers that they draw change nothing in the run
            metrics = build_metrics(self, self.recipe, self.names)
            observers = {name: self.build(table, ("observers", name)) for name, table in self.recipe.observers.items()}
        selection = build_selection(self, self.recipe, self.names, averages, metrics)
        return Components(
            name=self.recipe.name,
            seed=self.recipe.seed,
            threads=self.recipe.threads,
            data=data,
            models=models,
            averages=averages,
            student_dtype=AUTOCAST_DTYPES.get(self.recipe.speed.autocast),
            stages=tuple(stages[name] for name in order),
            provenance=self.provenance,
            used_entries=tuple(self.used_entries.values()),
            fallbacks=tuple(self.fallbacks),
            cautions=tuple(f"{', '.join(labels)}: {text}" for text, labels in self.cautions.items()),
            diagnose_every=self.recipe.diagnose_every,
            checkpoint_seconds=self.recipe.checkpoint_seconds,
            max_skipped_steps=self.recipe.skip_at_most if self.recipe.on_nonfinite == "skip" else 0,
            speed=self.recipe.speed,
            metrics=metrics,
            selection=selection,
            observers={name: built for name, built in observers.items() if built is not None},
        )

    def record_failures(self, built_models: Set[str], built_terms: Set[tuple[str, str]]) -> None:
        """Record the paths of declared models and terms that could not be built."""
        missing = self.names.declared("models").keys() - built_models
        self.failed_paths |= {("models", name) for name in missing}
        self.failed_paths |= set() if self.names.is_complete("models") else {("models",)}
        for group, named in self.names.declared("terms").items():
            paths = {("terms", group, name) for name in named} if isinstance(named, dict) else {("terms", group)}
            self.failed_paths |= {path for path in paths if path[1:] not in built_terms}

    def build_terms(self, groups: Iterable[str]) -> dict[tuple[str, str], BoundTerm]:
        """The terms of these groups by group and name."""
        return {
            (group, name): self.build_term(group, name, table)
            for group in groups
            for name, table in self.recipe.terms[group].items()
        }

    def build_term(self, group: str, name: str, table: schema.TermConfig) -> BoundTerm:
        path = ("terms", group, name)
        loss = self.build(table, path)
        adapters = [self.build(adapter, (*path, "adapt", index)) for index, adapter in enumerate(table.adapt)]
        bindings = bind_ports(self, self.names, table, path, loss)
        return BoundTerm(
            group=group,
            name=name,
            use=table.use,
            loss=loss,
            weight=self.build_weight(table, path),
            bindings=bindings,
            adapters=tuple(adapter for adapter in adapters if adapter is not None),
            adapter_names=tuple(f"{adapter.use}{adapter.options or ''}" for adapter in table.adapt),
            when=ActiveSteps(table.when.begin, table.when.until, table.when.every) if table.when else None,
            monitor=table.monitor,
            place=self.document.key_place(path),
            port_places={port: self.document.value_place((*path, "on", port)) for port in bindings},
            explicit_keys=tuple(table.options),
        )

    def build_weight(self, table: schema.TermConfig, path: KeyPath) -> float | Schedule:
        if not isinstance(table.weight, schema.ScheduleConfig):
            return table.weight
        schedule = self.build(table.weight, (*path, "weight"))
        return 1.0 if schedule is None else schedule

    def count_training_images(self, data: Any) -> int:
        """The number of training images; 1 if the data failed."""
        with self.collect_errors(self.document.key_place(("data",))), attribute_errors("the data source"):
            return max(1, len(data) - count_held_out(len(data), data.config.held_out)) if data else 1
        return 1

    def compute_clock(self, table: schema.StageConfig) -> Clock:
        """The steps of a stage on the recipe's data."""
        per_epoch = -(-self.training_image_count // table.batch)
        return Clock(table.epochs * per_epoch, per_epoch)

    def build_stage(self, name: str, terms: list[BoundTerm], clock: Clock) -> StagePlan:
        table = self.recipe.stages[name]
        path = ("stages", name)
        plugin = self.build(table, path)
        augmentations = [self.build(augment, (*path, "augment", key)) for key, augment in table.augment.items()]
        equation, coefficients = self.build_equation(table, path, clock)
        stage_terms = [term for term in terms if term.group in equation.coefficients]
        weights = self.build_stage_weights(stage_terms, coefficients, clock)
        for text in describe_stage_overruns(equation, self.params, stage_terms, clock):
            self.cautions.setdefault(text, []).append(f"stage {name}")
        idle = [term for term in stage_terms if weights.is_idle(term)]
        used_params = find_used_params(equation, self.params)
        has_failed = {path, *(("terms", group) for group in coefficients)} & {
            failed_path[:2] for failed_path in self.failed_paths
        }
        empty_step = weights.first_empty_step(stage_terms)
        if empty_step is not None and not has_failed:
            moment = f" at {clock.describe_step(empty_step)}" if len(idle) < len(stage_terms) else ""
            when = f"every weight is 0{moment}"
            self.report(f"stage {name!r} trains on nothing: {when}", self.document.key_place(path))
        return StagePlan(
            name=name,
            plugin=PlaceholderStage() if plugin is None else plugin,
            equation=equation,
            clock=clock,
            coefficients=coefficients,
            weights=weights.weights,
            step_masks=weights.step_masks,
            terms=tuple(term for term in stage_terms if term not in idle),
            epochs=table.epochs,
            batch_size=table.batch,
            optimizer=build_optimizer(self, table.optimizer, (*path, "optimizer"), clock),
            augmentations=tuple(augmentation for augmentation in augmentations if augmentation is not None),
            idle_terms=tuple(term.label for term in idle),
            unused_terms=tuple(idle),
            params={name: value for name, value in self.params.items() if name in used_params},
            place=self.document.key_place(path),
            aggregator=build_aggregator(self, table, path, [term for term in stage_terms if term not in idle], clock),
            aggregator_name=table.aggregate.use if table.aggregate else "",
            **select_stage_signals(plugin, stage_terms, self.views, self.data_signals),
        )

    def build_equation(
        self, table: schema.StageConfig, path: tuple, clock: Clock
    ) -> tuple[Equation, dict[str, Series]]:
        """The equation and its coefficients; in place of an invalid one, the sum of the groups that it may mean."""
        params, groups = frozenset(self.names.declared("params")), frozenset(self.names.declared("terms"))
        place = self.document.value_place((*path, "objective"))
        is_new_error = isinstance(self.names.declared(*path).get("objective"), str)
        try:
            equation = parse_equation(table.objective, params, groups)
            if params == self.params.keys():
                with self.collect_errors(place):
                    return equation, evaluate_coefficients(equation, self.params, clock, self.param_place)
        except EquationError as error:
            hints = error.hints(params | groups, "[params] declares params, [terms.<group>.*] groups")
            if isinstance(error, UnknownNameError):
                self.possibly_used |= (params | groups) - self.names.names_in_equations()
                is_new_error &= self.names.is_complete("params", "terms")
            if is_new_error:
                self.report(f"objective of {path[-1]}: {error.message}", place_in_string(place, error.column), *hints)
        self.failed_paths.add(path)
        possible = sorted(groups & (self.possibly_used | set(WORD_PATTERN.findall(table.objective))))
        return Equation(table.objective, dict.fromkeys(possible, Number(1.0))), dict.fromkeys(possible, 1.0)

    def param_place(self, name: str) -> Place:
        return self.document.value_place(("params", name))

    def build_stage_weights(
        self, terms: list[BoundTerm], coefficients: dict[str, Series], clock: Clock
    ) -> StageWeights:
        """The terms' own weights and steps; in place of an invalid one, weight 1 at every step."""
        weights: dict[str, Series] = {}
        step_masks: dict[str, np.ndarray | None] = {}
        for term in terms:
            path = ("terms", term.group, term.name)
            weights[term.label], step_masks[term.label] = 1.0, None
            with self.collect_errors(self.document.value_place((*path, "weight"))):
                weights[term.label] = evaluate_term_weight(term, clock)
            with self.collect_errors(self.document.key_place((*path, "when"))):
                step_masks[term.label] = compute_term_step_mask(term, clock)
        return StageWeights(coefficients, weights, step_masks)

    def report_unused(self) -> None:
        for path, message, hint in self.names.find_unused(self.recipe.params, self.recipe.terms, self.possibly_used):
            self.report(message, self.document.key_place(path), hint)
