"""Recipe + catalogue -> Components: names become objects, and one error reports every problem on the way."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

from zerokd.errors import KeyPath, combine_errors
from zerokd.objective.autocast import AUTOCAST_DTYPES
from zerokd.objective.signal_name import LOW
from zerokd.objective.term import ActiveSteps, BoundTerm
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.contracts import Schedule, count_held_out
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.global_state import preserve_global_state
from zerokd.recipe.build.binding import bind_ports, build_metrics
from zerokd.recipe.build.components import BuildResult, Components
from zerokd.recipe.build.models import build_averages, build_models
from zerokd.recipe.build.params import build_params
from zerokd.recipe.build.selection import build_selection
from zerokd.recipe.build.signals import build_views, report_signal_problems
from zerokd.recipe.build.stage_order import resolve_stage_order
from zerokd.recipe.build.stages import StageBuilder
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


class RecipeResolver(StageBuilder):
    """Leaves out a component that failed, and everything that needs it; names come from the document, since validation
    has already reported an invalid table."""

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

    def report_unused(self) -> None:
        for path, message, hint in self.names.find_unused(self.recipe.params, self.recipe.terms, self.possibly_used):
            self.report(message, self.document.key_place(path), hint)
