"""Recipe + catalogue -> Components: names become objects, and every mistake on the way is told at once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from attrs import evolve

from zerokd.errors import Place, Problem, RecipeError, ZerokdError, combined, did_you_mean
from zerokd.plugin.blame import blame
from zerokd.plugin.catalogue import Catalogue, Entry
from zerokd.plugin.contracts import Model
from zerokd.plugin.specs import SINGULAR, Port
from zerokd.recipe import schema
from zerokd.recipe.components import TRAINED, Attempt, Average, Components, Phase, Term, Unbuilt
from zerokd.recipe.configure import configure
from zerokd.recipe.document import Document
from zerokd.recipe.equation import Equation, UnknownName, parse
from zerokd.recipe.expression import EquationError, Number
from zerokd.recipe.names import WORD, Names
from zerokd.recipe.positions import KeyPath
from zerokd.recipe.pretrained import install_weights


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


class _Resolver:
    """Collects problems instead of stopping at the first; a part that failed is left out and never used.

    Names are known from the document: a table that could not be understood has been told already.
    """

    def __init__(self, recipe: schema.Recipe, document: Document, catalogue: Catalogue):
        self.recipe, self.document, self.catalogue = recipe, document, catalogue
        self.faults: list[ZerokdError] = []
        self.used: dict[str, Entry] = {}
        self.fallbacks: list[str] = []
        self.origins: dict[str, dict[str, Any]] = {}
        self.names = Names(document.tables)
        self.unbuilt: set[KeyPath] = set()
        self.meant: set[str] = set()  # params and groups that an unknown name in an equation may stand for

    def components(self) -> Components:
        data: Any = self.build(self.recipe.data, ("data",)) if self.recipe.data else None
        models = self.models()
        averages = self.averages(models)
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
        return Components(
            name=self.recipe.name,
            seed=self.recipe.seed,
            threads=self.recipe.threads,
            data=data,
            models=models,
            averages=averages,
            phases=tuple(phases),
            origins=self.origins,
            used=tuple(self.used.values()),
            fallbacks=tuple(self.fallbacks),
        )

    @contextmanager
    def place(self, place: Place) -> Iterator[None]:
        """Keep what goes wrong inside, at ``place`` unless the problem knows better."""
        try:
            yield
        except ZerokdError as fault:
            self.faults.append(fault.at(place))

    def report(self, message: str, place: Place, *hints: str) -> None:
        self.faults.append(RecipeError(Problem(message, place, tuple(hints))))

    def build(self, table: schema.Use, path: KeyPath) -> Any:
        """The component a table names, with its config validated; None when that failed."""
        with self.place(self.document.value_place((*path, "use"))):
            entry, component, config = configure(table, path, self.document, self.catalogue)
            with blame(f"{SINGULAR[table.kind]} {entry.spec.name!r} of {entry.provider}"):
                built = component(**dict(config))
                self.fallbacks += built.fallbacks
            self.used[entry.qualified] = entry
            self.origins[".".join(map(str, path))] = {"use": entry.qualified, "config": config.model_dump(mode="json")}
            self.origins[".".join(map(str, path))] |= built.sources
            return built
        self.unbuilt.add(path)
        return None

    def models(self) -> dict[str, Model]:
        if TRAINED not in self.names.within("models") and self.names.sure("models"):
            self.unbuilt.add(("models", TRAINED))
            self.report(f"models lacks {TRAINED!r}, the model that is trained", self.document.key_place(("models",)))
        built = {}
        for name, table in self.recipe.models.items():
            if not isinstance(table, schema.Network):
                continue
            torch.manual_seed(self.recipe.seed)  # anew for each: no model's weights depend on its neighbours
            model = self.build(table, ("models", name))
            if model is None:
                continue
            built[name] = model
            with self.place(self.document.value_place(("models", name, "weights"))):
                spec = self.catalogue.find("models", table.use).spec
                self.origins[f"models.{name}"] |= install_weights(model, table.weights, spec, self.recipe.seed)
            if name != TRAINED:
                model.requires_grad_(False).eval()
                self.needs_weights(name, table)
        return built

    def needs_weights(self, name: str, table: schema.Network) -> None:
        """A frozen model with random weights would teach noise; that is never what was meant."""
        if "weights" not in self.names.within("models", name):
            place, hint = self.document.key_place(("models", name)), f"or a path under [models.{name}]"
            self.report(f"models.{name} is frozen and has no weights", place, f'add weights = "bundled" {hint}')

    def averages(self, models: Mapping[str, Model]) -> dict[str, Average]:
        built = {}
        for name, table in self.recipe.models.items():
            if not isinstance(table, schema.Average):
                continue
            if table.average_of != TRAINED:
                place = self.document.value_place(("models", name, "average_of"))
                self.report(f"only {TRAINED!r} changes during a run and can be averaged", place)
            elif table.average_of in models:
                average = copy.deepcopy(models[table.average_of]).requires_grad_(False).eval()
                built[name] = Average(table.average_of, average, table.decay)
        return built

    def term(self, group: str, name: str, table: schema.Term) -> Term:
        path = ("terms", group, name)
        loss = self.build(table, path)
        adapters = [self.build(one, (*path, "adapt", i)) for i, one in enumerate(table.adapt)]
        ports: Mapping[str, Port] = {} if loss is None else loss.ports
        for port in table.on:
            if loss is not None and port not in ports:
                hints = did_you_mean(port, ports)
                self.report(f"{table.use} has no port {port!r}", self.document.key_place((*path, "on", port)), *hints)
        on = self.names.within(*path).get("on", {})
        for port, declared in ports.items():
            if isinstance(on, dict) and port not in on and declared.default is None:
                self.unbuilt.add(path)
                hint = f'add on = {{ {port} = "owner.signal" }}: {declared.about}'
                self.report(f"port {port!r} of {table.use} is not bound", self.document.key_place(path), hint)
        bound = {port: table.on.get(port, declared.default) for port, declared in ports.items()} | table.on
        on = {port: signal for port, signal in bound.items() if signal is not None}
        return Term(
            group=group,
            name=name,
            use=table.use,
            loss=loss,
            weight=table.weight,
            on=on,
            adapters=tuple(one for one in adapters if one is not None),
            adapter_names=tuple(f"{one.use}{one.options or ''}" for one in table.adapt),
            monitor=table.monitor,
            place=self.document.key_place(path),
            places={port: self.document.value_place((*path, "on", port)) for port in on},
        )

    def order(self) -> list[str]:
        known = self.names.within("stages")
        for position, name in enumerate(self.recipe.run):
            place = self.document.value_place(("run", position))
            if name not in known and self.names.sure("stages"):
                self.report(f"unknown stage {name!r}", place, *did_you_mean(name, known))
            elif name in self.recipe.run[:position]:
                self.report(f"stage {name!r} runs twice", place, "give the second one a table and a name of its own")
        meant = () if set(self.recipe.run) <= known.keys() else self.recipe.stages  # by an unknown name: any of them
        return [name for name in dict.fromkeys((*self.recipe.run, *meant)) if name in self.recipe.stages]

    def phase(self, name: str, terms: list[Term]) -> Phase:
        table = self.recipe.stages[name]
        path = ("stages", name)
        stage = self.build(table, path)
        augmentations = [self.build(one, (*path, "augment", key)) for key, one in table.augment.items()]
        equation, coefficients = self.equation(table, path)
        chosen = [term for term in terms if term.group in equation.coefficients]
        idle = [term for term in chosen if coefficients[term.group] * term.weight == 0 and not term.monitor]
        partial = {path, *(("terms", group) for group in coefficients)} & {one[:2] for one in self.unbuilt}
        if all(term.monitor or term in idle for term in chosen) and not partial:
            self.report(f"stage {name!r} trains on nothing: every weight is 0", self.document.key_place(path))
        return Phase(
            name=name,
            stage=Unbuilt() if stage is None else stage,
            equation=equation,
            coefficients=coefficients,
            terms=tuple(term for term in chosen if term not in idle),
            epochs=table.epochs,
            batch=table.batch,
            optimizer=table.optimizer,
            augmentations=tuple(one for one in augmentations if one is not None),
            idle=tuple(term.label for term in idle),
            place=self.document.key_place(path),
        )

    def equation(self, table: schema.Phase, path: tuple) -> tuple[Equation, dict[str, float]]:
        """The equation and its coefficients; a wrong one is taken to be the sum of the groups that it may mean."""
        params, groups = frozenset(self.names.within("params")), frozenset(self.names.within("terms"))
        place = self.document.value_place((*path, "objective"))
        known = isinstance(self.names.within(*path).get("objective"), str)
        try:
            equation = parse(table.objective, params, groups)
            if params == self.recipe.params.keys():
                return equation, equation.at(self.recipe.params)
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

    def unused(self) -> None:
        for path, message, hint in self.names.unused(self.recipe.params, self.recipe.terms, self.meant):
            self.report(message, self.document.key_place(path), hint)


def _inside(place: Place, column: int) -> Place:
    """A place some characters into a one-line string value, past its opening quote."""
    return evolve(place, column=place.column + 1 + column) if place.line else place
