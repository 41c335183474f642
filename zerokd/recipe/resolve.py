"""Recipe + catalogue -> Components: names become objects, and every mistake on the way is told at once."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from attrs import evolve

from zerokd.errors import Place, Problem, RecipeError, ZerokdError, did_you_mean
from zerokd.plugin.blame import blame
from zerokd.plugin.catalogue import Catalogue, Entry
from zerokd.plugin.contracts import Model
from zerokd.plugin.specs import SINGULAR
from zerokd.recipe import schema
from zerokd.recipe.components import TRAINED, Average, Components, Phase, Term
from zerokd.recipe.configure import configure
from zerokd.recipe.document import Document
from zerokd.recipe.equation import Equation, UnknownName, parse
from zerokd.recipe.expression import EquationError
from zerokd.recipe.positions import KeyPath
from zerokd.recipe.pretrained import install_weights


def resolve(recipe: schema.Recipe, document: Document, catalogue: Catalogue) -> Components:
    """Build everything the recipe names. The student's first weights are drawn from the recipe's seed.

    Raises:
        ZerokdError: with every problem of names, configs, bindings, equations, weights and data, each at its place.
    """
    return _Resolver(recipe, document, catalogue).components()


class _Resolver:
    """Collects problems instead of stopping at the first; a part that failed is left out and never used."""

    def __init__(self, recipe: schema.Recipe, document: Document, catalogue: Catalogue):
        self.recipe, self.document, self.catalogue = recipe, document, catalogue
        self.faults: list[ZerokdError] = []
        self.used: dict[str, Entry] = {}
        self.fallbacks: list[str] = []
        self.cautions: dict[str, list[str]] = {}
        self.origins: dict[str, dict[str, Any]] = {}

    def components(self) -> Components:
        data = self.build(self.recipe.data, ("data",))
        models = self.models()
        averages = self.averages(models)
        terms = {
            (group, name): self.term(group, name, table)
            for group, named in self.recipe.terms.items()
            for name, table in named.items()
        }
        known = [term for term in terms.values() if term]
        stages = {name: self.phase(name, known) for name in self.recipe.stages}
        phases = [stages[name] for name in self.order()]
        self.unused()
        if self.faults:
            self.fail()
        return Components(
            name=self.recipe.name,
            seed=self.recipe.seed,
            threads=self.recipe.threads,
            data=data,
            models=models,
            averages=averages,
            phases=tuple(phase for phase in phases if phase),
            origins=self.origins,
            used=tuple(self.used.values()),
            fallbacks=tuple(self.fallbacks),
            cautions=tuple(f"{', '.join(whose)}: {text}" for text, whose in self.cautions.items()),
            diagnose_every=self.recipe.diagnose_every,
        )

    def fail(self) -> None:
        """Raise all that was found as one error; a mistake in the recipe decides the exit code over one in a file."""
        kinds = [type(fault) for fault in self.faults]
        kind = RecipeError if RecipeError in kinds else kinds[0]
        raise kind(*(problem for fault in self.faults for problem in fault.problems))

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
                for caution in built.cautions:
                    self.cautions.setdefault(caution, []).append(".".join(map(str, path)).removeprefix("terms."))
            self.used[entry.qualified] = entry
            self.origins[".".join(map(str, path))] = {"use": entry.qualified, "config": config.model_dump(mode="json")}
            self.origins[".".join(map(str, path))] |= built.sources
            return built
        return None

    def models(self) -> dict[str, Model]:
        if TRAINED not in self.recipe.models:
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
        if table.weights is None:
            hints = (f'add weights = "bundled" or a path under [models.{name}]',)
            self.report(
                f"models.{name} is frozen and has no weights", self.document.key_place(("models", name)), *hints
            )

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

    def term(self, group: str, name: str, table: schema.Term) -> Term | None:
        path = ("terms", group, name)
        loss = self.build(table, path)
        adapters = [self.build(one, (*path, "adapt", i)) for i, one in enumerate(table.adapt)]
        if loss is None or None in adapters:
            return None
        for port in table.on:
            if port not in loss.ports:
                hints = did_you_mean(port, loss.ports)
                self.report(f"{table.use} has no port {port!r}", self.document.key_place((*path, "on", port)), *hints)
        for port, declared in loss.ports.items():
            if port not in table.on and declared.default is None:
                hint = f'add on = {{ {port} = "owner.signal" }}: {declared.about}'
                self.report(f"port {port!r} of {table.use} is not bound", self.document.key_place(path), hint)
        on = {port: table.on.get(port, declared.default or "") for port, declared in loss.ports.items()}
        return Term(
            group=group,
            name=name,
            use=table.use,
            loss=loss,
            weight=table.weight,
            on=on,
            adapters=tuple(adapters),
            adapter_names=tuple(f"{one.use}{one.options or ''}" for one in table.adapt),
            monitor=table.monitor,
            place=self.document.key_place(path),
            places={port: self.document.value_place((*path, "on", port)) for port in on},
            written=tuple(table.options),
        )

    def order(self) -> list[str]:
        for position, name in enumerate(self.recipe.run):
            place = self.document.value_place(("run", position))
            if name not in self.recipe.stages:
                self.report(f"unknown stage {name!r}", place, *did_you_mean(name, self.recipe.stages))
            elif name in self.recipe.run[:position]:
                self.report(f"stage {name!r} runs twice", place, "give the second one a table and a name of its own")
        return [name for name in dict.fromkeys(self.recipe.run) if name in self.recipe.stages]

    def phase(self, name: str, terms: list[Term]) -> Phase | None:
        table = self.recipe.stages[name]
        path = ("stages", name)
        stage = self.build(table, path)
        augmentations = [self.build(one, (*path, "augment", key)) for key, one in table.augment.items()]
        equation, coefficients = self.equation(table, path)
        if stage is None or equation is None or None in augmentations:
            return None
        chosen = [term for term in terms if term.group in equation.coefficients]
        idle = [term for term in chosen if coefficients[term.group] * term.weight == 0 and not term.monitor]
        if all(term.monitor or term in idle for term in chosen):
            self.report(f"stage {name!r} trains on nothing: every weight is 0", self.document.key_place(path))
        return Phase(
            name=name,
            stage=stage,
            equation=equation,
            coefficients=coefficients,
            terms=tuple(term for term in chosen if term not in idle),
            epochs=table.epochs,
            batch=table.batch,
            optimizer=table.optimizer,
            augmentations=tuple(augmentations),
            idle=tuple(term.label for term in idle),
            place=self.document.key_place(path),
        )

    def equation(self, table: schema.Phase, path: tuple) -> tuple[Equation | None, dict[str, float]]:
        params, groups = frozenset(self.recipe.params), frozenset(self.recipe.terms)
        place = self.document.value_place((*path, "objective"))
        try:
            equation = parse(table.objective, params, groups)
            return equation, equation.at(self.recipe.params)
        except EquationError as error:
            hints: tuple[str, ...] = (error.hint,) if error.hint else ()
            if isinstance(error, UnknownName):
                hints = did_you_mean(
                    error.name, params | groups, "params stand in [params], groups in [terms.<group>.*]"
                )
            self.report(f"objective of {path[-1]}: {error.message}", _inside(place, error.column), *hints)
        return None, {}

    def unused(self) -> None:
        """A group, param, stage or shadowed name that no stage uses is a mistake somewhere."""
        text = " ".join(stage.objective for stage in self.recipe.stages.values())
        words = set(re.findall(r"[^\W\d]\w*", text))
        for kind, names in (("params", self.recipe.params), ("terms", self.recipe.terms)):
            for name in names:
                place = self.document.key_place((kind, name))
                if name not in words:
                    self.report(f"{kind}.{name} is used by no stage", place, "use it in an objective, or remove it")
                elif kind == "params" and name in self.recipe.terms:
                    self.report(f"{name!r} names a param and a group of terms", place, "rename one of them")


def _inside(place: Place, column: int) -> Place:
    """A place some characters into a one-line string value, past its opening quote."""
    return evolve(place, column=place.column + 1 + column) if place.line else place
