"""Recipe + catalogue -> Components: names become objects, and every mistake on the way is told at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import evolve

from zerokd.equation.equation import Equation, UnknownName, parse, parse_scalar
from zerokd.equation.expression import EquationError, Expression, Number, Series
from zerokd.errors import KeyPath, Place, combined, did_you_mean
from zerokd.objective.precision import DTYPES
from zerokd.objective.stage_plan import OptimizerSettings, Phase, Unbuilt
from zerokd.objective.term import ActiveSteps, Term
from zerokd.plugin.aside import aside
from zerokd.plugin.blame import blame
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.clock import Clock
from zerokd.plugin.contracts import Schedule, held_out_count
from zerokd.recipe.build.binding import bind, build_measures
from zerokd.recipe.build.builder import Builder
from zerokd.recipe.build.components import Attempt, Components
from zerokd.recipe.build.models import build_averages, build_models
from zerokd.recipe.build.names import WORD, Names
from zerokd.recipe.build.schedules import Changing, circular
from zerokd.recipe.build.weights import Weighing, coefficients, late_moments, term_steps, term_weight
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.toml.document import Document


def resolve(recipe: schema.Recipe, document: Document, catalogue: Catalogue) -> Components:
    """Build everything the recipe names. The student's first weights are drawn from the recipe's seed.

    Raises:
        ZerokdError: with every problem of names, configs, bindings, equations, weights and data, each at its place.
    """
    attempt = try_to_resolve(recipe, document, catalogue)
    if attempt.faults:
        raise combined(attempt.faults)
    return attempt.components


def try_to_resolve(recipe: schema.Recipe, document: Document, catalogue: Catalogue) -> Attempt:
    """Build what can be built of a recipe that may have been understood in part only."""
    resolver = _Resolver(recipe, document, catalogue)
    components = resolver.components()
    return Attempt(components, tuple(resolver.faults), frozenset(resolver.unbuilt))


class _Resolver(Builder):
    """A part that failed is left out and never used.

    Names are known from the document: a table that could not be understood has been told already.
    """

    def __init__(self, recipe: schema.Recipe, document: Document, catalogue: Catalogue):
        super().__init__(document, catalogue)
        self.recipe = recipe
        self.names = Names(document.tables)
        self.meant: set[str] = set()  # params and groups that an unknown name in an equation may stand for

    def components(self) -> Components:
        data: Any = self.build(self.recipe.data, ("data",)) if self.recipe.data else None
        self.params = self.make_params()
        self.images = self.training_images(data)
        models = build_models(self, self.recipe, self.names)
        averages = build_averages(self, self.recipe, models)
        terms = {
            (group, name): self.term(group, name, table)
            for group, named in self.recipe.terms.items()
            for name, table in named.items()
        }
        self.unbuilt |= {("models", name) for name in self.names.within("models") if name not in models | averages}
        self.unbuilt |= set() if self.names.sure("models") else {("models",)}
        for group, named in self.names.within("terms").items():
            written = {("terms", group, name) for name in named} if isinstance(named, dict) else {("terms", group)}
            self.unbuilt |= {path for path in written if path[1:] not in terms}
        stages = {name: self.phase(name, list(terms.values())) for name in self.recipe.stages}
        phases = [stages[name] for name in self.order()]
        self.unused()
        with aside():  # what they draw while they are made, the run does not miss
            measures = build_measures(self, self.recipe, self.names)
            observers = {name: self.build(one, ("observers", name)) for name, one in self.recipe.observers.items()}
        return Components(
            name=self.recipe.name,
            seed=self.recipe.seed,
            threads=self.recipe.threads,
            data=data,
            models=models,
            averages=averages,
            student_dtype=DTYPES.get(self.recipe.speed.autocast),
            phases=tuple(phases),
            origins=self.origins,
            used=tuple(self.used.values()),
            fallbacks=tuple(self.fallbacks),
            cautions=tuple(f"{', '.join(whose)}: {text}" for text, whose in self.cautions.items()),
            diagnose_every=self.recipe.diagnose_every,
            checkpoint_seconds=self.recipe.checkpoint_seconds,
            skip=self.recipe.skip_at_most if self.recipe.on_nonfinite == "skip" else 0,
            speed=self.recipe.speed,
            measures=measures,
            observers={name: built for name, built in observers.items() if built is not None},
        )

    def term(self, group: str, name: str, table: schema.Term) -> Term:
        path = ("terms", group, name)
        loss = self.build(table, path)
        adapters = [self.build(one, (*path, "adapt", i)) for i, one in enumerate(table.adapt)]
        on = bind(self, self.names, table, path, loss)
        return Term(
            group=group,
            name=name,
            use=table.use,
            loss=loss,
            weight=self.weight(table, path),
            on=on,
            adapters=tuple(one for one in adapters if one is not None),
            adapter_names=tuple(f"{one.use}{one.options or ''}" for one in table.adapt),
            when=ActiveSteps(table.when.begin, table.when.until, table.when.every) if table.when else None,
            monitor=table.monitor,
            place=self.document.key_place(path),
            places={port: self.document.value_place((*path, "on", port)) for port in on},
            written=tuple(table.options),
        )

    def weight(self, table: schema.Term, path: KeyPath) -> float | Schedule:
        if not isinstance(table.weight, schema.Schedule):
            return table.weight
        built = self.build(table.weight, (*path, "weight"))
        return 1.0 if built is None else built

    def make_params(self) -> dict[str, Changing]:
        """Every param that could be understood: a number, a schedule, or an expression over others."""
        found: dict[str, Changing] = {}
        known = frozenset(self.names.within("params"))
        for name, value in self.recipe.params.items():
            path = ("params", name)
            if isinstance(value, schema.Schedule):
                found |= {name: built} if (built := self.build(value, path)) else {}
            elif isinstance(value, schema.Derived):
                found |= {name: read} if (read := self.derived(value.equals, (*path, "equals"), known)) else {}
            else:
                found[name] = value
        circle = circular(found)
        if circle:
            text = f"params are made of each other in a circle: {' -> '.join(circle)}"
            self.report(text, self.document.key_place(("params", circle[0])))
        return {name: one for name, one in found.items() if not circle or isinstance(one, float | Schedule)}

    def derived(self, text: str, path: KeyPath, known: frozenset[str]) -> Expression | None:
        try:
            return parse_scalar(text, known)
        except EquationError as error:
            hints = (
                did_you_mean(error.name, known) if isinstance(error, UnknownName) else (error.hint,)[: bool(error.hint)]
            )
            self.report(
                f"params.{path[1]}: {error.message}", _inside(self.document.value_place(path), error.column), *hints
            )
        return None

    def training_images(self, data: Any) -> int:
        """How many images train; 1 where that is not known."""
        with self.place(self.document.key_place(("data",))), blame("the data source"):
            return max(1, len(data) - held_out_count(len(data), data.config.held_out)) if data else 1
        return 1

    def order(self) -> list[str]:
        known = self.names.within("stages")
        for position, name in enumerate(self.recipe.run):
            place = self.document.value_place(("run", position))
            if name not in known and self.names.sure("stages"):
                self.report(f"unknown stage {name!r}", place, *did_you_mean(name, known), code="unknown-component")
            elif name in self.recipe.run[:position]:
                hint = "give the second one a table and a name of its own"
                self.report(f"stage {name!r} runs twice", place, hint, code="wrong-value")
        meant = () if set(self.recipe.run) <= known.keys() else self.recipe.stages  # by an unknown name: any of them
        return [name for name in dict.fromkeys((*self.recipe.run, *meant)) if name in self.recipe.stages]

    def phase(self, name: str, terms: list[Term]) -> Phase:
        table = self.recipe.stages[name]
        path = ("stages", name)
        stage = self.build(table, path)
        augmentations = [self.build(one, (*path, "augment", key)) for key, one in table.augment.items()]
        aggregator = self.build(table.aggregate, (*path, "aggregate")) if table.aggregate else None
        per_epoch = -(-self.images // table.batch)
        clock = Clock(table.epochs * per_epoch, per_epoch)
        equation, found = self.equation(table, path, clock)
        chosen = [term for term in terms if term.group in equation.coefficients]
        weighing = self.weigh(chosen, found, clock)
        for text in late_moments(equation, self.params, chosen, clock):
            self.cautions.setdefault(text, []).append(f"stage {name}")
        idle = [term for term in chosen if weighing.idle(term)]
        partial = {path, *(("terms", group) for group in found)} & {one[:2] for one in self.unbuilt}
        gap = weighing.empty_step(chosen)
        if gap is not None and not partial:
            when = "every weight is 0" + (f" at {clock.tell(gap)}" if len(idle) < len(chosen) else "")
            self.report(f"stage {name!r} trains on nothing: {when}", self.document.key_place(path))
        return Phase(
            name=name,
            stage=Unbuilt() if stage is None else stage,
            equation=equation,
            clock=clock,
            coefficients=found,
            weights=weighing.weights,
            active=weighing.active,
            terms=tuple(term for term in chosen if term not in idle),
            epochs=table.epochs,
            batch=table.batch,
            optimizer=OptimizerSettings(**dict(table.optimizer)),
            augmentations=tuple(one for one in augmentations if one is not None),
            idle=tuple(term.label for term in idle),
            place=self.document.key_place(path),
            aggregator=aggregator,
            aggregate=table.aggregate.use if table.aggregate else "",
        )

    def equation(self, table: schema.Phase, path: tuple, clock: Clock) -> tuple[Equation, dict[str, Series]]:
        """The equation and its coefficients; a wrong one is taken to be the sum of the groups that it may mean."""
        params, groups = frozenset(self.names.within("params")), frozenset(self.names.within("terms"))
        place = self.document.value_place((*path, "objective"))
        known = isinstance(self.names.within(*path).get("objective"), str)
        try:
            equation = parse(table.objective, params, groups)
            if params == self.params.keys():
                with self.place(place):
                    return equation, coefficients(equation, self.params, clock, self.param_place)
        except EquationError as error:
            hints: tuple[str, ...] = (error.hint,) if error.hint else ()
            if isinstance(error, UnknownName):
                hints = did_you_mean(
                    error.name, params | groups, "params stand in [params], groups in [terms.<group>.*]"
                )
                self.meant |= (params | groups) - self.names.used()
                known &= self.names.sure("params", "terms")
            if known:
                self.report(f"objective of {path[-1]}: {error.message}", _inside(place, error.column), *hints)
        self.unbuilt.add(path)
        named = sorted(groups & (self.meant | set(WORD.findall(table.objective))))
        return Equation(table.objective, dict.fromkeys(named, Number(1.0))), dict.fromkeys(named, 1.0)

    def param_place(self, name: str) -> Place:
        return self.document.value_place(("params", name))

    def weigh(self, terms: list[Term], found: dict[str, Series], clock: Clock) -> Weighing:
        """The terms' own weights and steps; a wrong one is told and taken to be 1, at every step."""
        weights: dict[str, Series] = {}
        active: dict[str, np.ndarray | None] = {}
        for term in terms:
            path = ("terms", term.group, term.name)
            weights[term.label], active[term.label] = 1.0, None
            with self.place(self.document.value_place((*path, "weight"))):
                weights[term.label] = term_weight(term, clock)
            with self.place(self.document.key_place((*path, "when"))):
                active[term.label] = term_steps(term, clock)
        return Weighing(found, weights, active)

    def unused(self) -> None:
        for path, message, hint in self.names.unused(self.recipe.params, self.recipe.terms, self.meant):
            self.report(message, self.document.key_place(path), hint)


def _inside(place: Place, column: int) -> Place:
    """A place some characters into a one-line string value, past its opening quote."""
    return evolve(place, column=place.column + 1 + column) if place.line else place
