"""Builds the stages of a recipe: the objective of the student, and that of a critic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from zerokd.equation.equation import Equation, parse_equation
from zerokd.equation.expression import EquationError, Number, Series, UnknownNameError
from zerokd.errors import KeyPath, Place
from zerokd.objective.schedules import ParamValue, find_used_params
from zerokd.objective.signal_name import LOW
from zerokd.objective.stage_plan import CriticPlan, PlaceholderStage, StagePlan
from zerokd.objective.stage_weights import (
    StageWeights,
    compute_term_step_mask,
    describe_stage_overruns,
    evaluate_coefficients,
    evaluate_term_weight,
)
from zerokd.objective.term import BoundTerm
from zerokd.objective.view import BoundView
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.clock import Clock
from zerokd.recipe.build.aggregator import build_aggregator
from zerokd.recipe.build.builder import Builder, place_in_string
from zerokd.recipe.build.names import WORD_PATTERN, RecipeNames
from zerokd.recipe.build.optimizer import build_optimizer
from zerokd.recipe.build.signals import select_stage_signals
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.toml.document import Document


class StageBuilder(Builder):
    """Builds stages from terms, params and views that are built already."""

    def __init__(self, recipe: schema.Recipe, document: Document, catalogue: Catalogue):
        super().__init__(document, catalogue)
        self.recipe = recipe
        self.names = RecipeNames(document.tables)
        self.params: dict[str, ParamValue] = {}
        self.views: dict[str, BoundView] = {}
        self.data_signals: tuple[str, ...] = (LOW,)
        self.training_image_count = 1
        self.possibly_used: set[str] = set()  # params and groups that an unknown name in an equation may mean

    def compute_clock(self, table: schema.StageConfig) -> Clock:
        """The steps of a stage on the recipe's data."""
        per_epoch = -(-self.training_image_count // table.batch)
        return Clock(table.epochs * per_epoch, per_epoch)

    def build_stage(self, name: str, terms: Sequence[BoundTerm], clock: Clock) -> StagePlan:
        """A stage, and its critic."""
        table = self.recipe.stages[name]
        path = ("stages", name)
        plugin = self.build(table, path)
        augmentations = [self.build(augment, (*path, "augment", key)) for key, augment in table.augment.items()]
        objective, stage_terms = self.build_objective(name, path, table, terms, clock)
        common: dict[str, Any] = {
            "plugin": PlaceholderStage() if plugin is None else plugin,
            "epochs": table.epochs,
            "batch_size": table.batch,
            "augmentations": tuple(augmentation for augmentation in augmentations if augmentation is not None),
        }
        critic: CriticPlan | None = None
        critic_terms: list[BoundTerm] = []
        if table.critic is not None:
            critic, critic_terms = self.build_critic(
                name, table.critic, terms, clock, common, objective["coefficients"]
            )
        signals = select_stage_signals(plugin, [*stage_terms, *critic_terms], self.views, self.data_signals)
        return StagePlan(
            **objective,
            **common,
            optimizer=build_optimizer(self, table.optimizer, (*path, "optimizer"), clock),
            aggregator=build_aggregator(self, table, path, objective["terms"], clock),
            aggregator_name=table.aggregate.use if table.aggregate else "",
            critic=critic,
            **signals,
        )

    def build_critic(
        self,
        stage_name: str,
        table: schema.CriticConfig,
        terms: Sequence[BoundTerm],
        clock: Clock,
        common: Mapping[str, Any],
        student_groups: Mapping[str, object],
    ) -> tuple[CriticPlan | None, list[BoundTerm]]:
        """The critic of a stage with its terms; None where it failed. ``common`` are fields of the stage's plan."""
        path = ("stages", stage_name, "critic")
        torch.manual_seed(self.recipe.seed)  # its weights do not depend on other models
        network = self.build(table, path)
        objective, own_terms = self.build_objective(f"{stage_name}.critic", path, table, terms, clock)
        place = self.document.value_place((*path, "objective"))
        for group in sorted(objective["coefficients"].keys() & student_groups):
            text = f"{group!r} is in the objective of stage {stage_name!r} and in that of its critic"
            self.report(text, place, "each player has groups of its own: write two groups of terms")
        plan = StagePlan(
            **objective,
            **common,
            optimizer=build_optimizer(self, table.optimizer, (*path, "optimizer"), clock),
            **select_stage_signals(None, own_terms, self.views, self.data_signals),
        )
        return (None if network is None else CriticPlan(network, plan, table.every, table.steps)), own_terms

    def build_objective(
        self,
        name: str,
        path: KeyPath,
        table: schema.StageConfig | schema.CriticConfig,
        terms: Sequence[BoundTerm],
        clock: Clock,
    ) -> tuple[dict[str, Any], list[BoundTerm]]:
        """What one player trains on, as fields of its plan, and its terms, idle ones too."""
        equation, coefficients = self.build_equation(table, path, clock)
        own_terms = [term for term in terms if term.group in equation.coefficients]
        weights = self.build_stage_weights(own_terms, coefficients, clock)
        for text in describe_stage_overruns(equation, self.params, own_terms, clock):
            self.cautions.setdefault(text, []).append(f"stage {name}")
        idle = [term for term in own_terms if weights.is_idle(term)]
        used_params = find_used_params(equation, self.params)
        has_failed = {path, *(("terms", group) for group in coefficients)} & {
            failed_path[: len(path)] if failed_path[0] == "stages" else failed_path[:2]
            for failed_path in self.failed_paths
        }
        empty_step = weights.first_empty_step(own_terms)
        if empty_step is not None and not has_failed:
            moment = f" at {clock.describe_step(empty_step)}" if len(idle) < len(own_terms) else ""
            self.report(f"stage {name!r} trains on nothing: every weight is 0{moment}", self.document.key_place(path))
        plan = {
            "name": name,
            "equation": equation,
            "clock": clock,
            "coefficients": coefficients,
            "weights": weights.weights,
            "step_masks": weights.step_masks,
            "terms": tuple(term for term in own_terms if term not in idle),
            "idle_terms": tuple(term.label for term in idle),
            "unused_terms": tuple(idle),
            "params": {name: value for name, value in self.params.items() if name in used_params},
            "place": self.document.key_place(path),
        }
        return plan, own_terms

    def build_equation(
        self, table: schema.StageConfig | schema.CriticConfig, path: KeyPath, clock: Clock
    ) -> tuple[Equation, dict[str, Series]]:
        """The equation and its coefficients; in place of an invalid one, the sum of the groups that it may mean."""
        params, groups = frozenset(self.names.declared("params")), frozenset(self.names.declared("terms"))
        place = self.document.value_place((*path, "objective"))
        is_new_error = isinstance(self.names.declared(*map(str, path)).get("objective"), str)
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
        """Where the recipe defines a param."""
        return self.document.value_place(("params", name))

    def build_stage_weights(
        self, terms: Sequence[BoundTerm], coefficients: dict[str, Series], clock: Clock
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
