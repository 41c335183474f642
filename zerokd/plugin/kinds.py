"""The table of kinds: what zerokd knows of each kind of component, without importing one.

Hooks, records, public names, contracts, templates, conformance rules and the recipe's snippets follow from it.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import field, frozen, validators


@frozen
class Kind:
    """One kind of component.

    ``plural`` names its hook (``zerokd_losses``), its built-in package (``zerokd.losses``) and its conformance rules
    (``zerokd.testing.losses``); ``contract`` its class in :mod:`zerokd.plugin.contracts`; ``about`` is the hook's
    docstring. ``reserved_keys`` are the recipe's own keys beside a component's config. ``recipe_table`` is the table
    that uses such a component in recipes/paper.toml, where ``{name}`` is the component's name; empty: the kind has no
    table of its own, or one that depends on the component. ``recipe_note`` is a comment below that table.
    """

    plural: str
    singular: str
    contract: str
    about: str
    reserved_keys: tuple[str, ...] = ()
    has_ports: bool = False
    has_weights: bool = False
    recipe_table: tuple[str, ...] = ()
    recipe_note: str = ""

    @property
    def word(self) -> str:
        """The kind in one word: the argument of `zerokd new`, and its template."""
        return self.singular.split()[0]

    @property
    def hook(self) -> str:
        return f"zerokd_{self.plural}"

    @property
    def spec_name(self) -> str:
        return f"{self.contract}Spec"

    def count(self, number: int) -> str:
        """A number of components in words: ``1 loss``, ``2 losses``."""
        plural = self.plural if self.plural != self.word else f"{self.singular}s"
        return f"{number} {self.singular if number == 1 else plural}"

    def load_contract(self) -> Any:
        """The class that a component of this kind implements. Imports torch."""
        return getattr(importlib.import_module("zerokd.plugin.contracts"), self.contract)


KINDS = {
    kind.plural: kind
    for kind in (
        Kind(
            "losses",
            "loss",
            "Loss",
            "Losses: terms of an objective.",
            reserved_keys=("use", "weight", "on", "adapt", "when", "monitor"),
            has_ports=True,
        ),
        Kind("adapters", "adapter", "Adapter", "Adapters: make the tensors of a term comparable."),
        Kind(
            "stages",
            "stage",
            "Stage",
            "Stages: parts of a training run, each with its own objective.",
            recipe_note='# add the stage to run: run = ["pretrain", "distill", "{name}"]\n',
        ),
        Kind(
            "models",
            "model",
            "Model",
            "Models: enhancers, as student or teacher.",
            has_weights=True,
            recipe_note="# terms read its outputs, and its layers as features.NAME\n",
        ),
        Kind(
            "critics",
            "critic",
            "Critic",
            "Critics: score images, and train in turn with the student.",
            reserved_keys=("use", "objective", "every", "steps", "optimizer"),
            recipe_note="# its objective reads critic(SIGNAL).score, as the student's does: recipes/adversarial.toml\n",
        ),
        Kind("data", "data source", "Data", "Data sources.", recipe_table=("data",)),
        Kind(
            "augmentations",
            "augmentation",
            "Augmentation",
            "Augmentations of the low-light input.",
            recipe_table=("stages", "pretrain", "augment", "{name}"),
        ),
        Kind(
            "schedules",
            "schedule",
            "Schedule",
            "Schedules: numbers that change during a stage.",
            recipe_table=("terms", "contrastive", "ema", "weight"),
        ),
        Kind(
            "metrics",
            "metric",
            "Metric",
            "Metrics: measures of a trained student.",
            reserved_keys=("use", "on"),
            has_ports=True,
        ),
        Kind(
            "aggregators",
            "aggregator",
            "Aggregator",
            "Aggregators: combine the gradients of a stage's terms into one.",
            recipe_table=("stages", "distill", "aggregate"),
        ),
        Kind(
            "optimizers",
            "optimizer",
            "Optimizer",
            "Optimizers: update the trained parameters of a stage from their gradients.",
            reserved_keys=("use", "learning_rate", "final_learning_rate", "clip_norm", "groups"),
            recipe_table=("stages", "distill", "optimizer"),
        ),
        Kind(
            "observers",
            "observer",
            "Observer",
            "Observers: follow a run, as a tracker does, and cannot change it.",
            recipe_table=("observers", "{name}"),
        ),
        Kind(
            "exporters",
            "exporter",
            "Exporter",
            "Exporters: write a trained student in another file format, such as C or ONNX.",
        ),
    )
}


def _validate_summary(record: Spec, attribute: Any, value: Any) -> None:
    """A listing prints the summary, so nothing in it may move a cursor or change a colour."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"summary is {value!r}, not one line of printable text")


def _validate_bundled(record: Spec, attribute: Any, value: str | None) -> None:
    if value is not None and not KINDS[record.kind].has_weights:
        raise ValueError(f"a {KINDS[record.kind].singular} has no weights to bundle")


@frozen
class Spec:
    """The record that a plugin registers: it names a component without importing it.

    ``name`` is snake_case, ``kind`` a key of the hooks (``"losses"`` for ``zerokd_losses``), ``target`` the class as
    ``"package.module:Class"``, ``summary`` one printable line. ``bundled`` names weights that the plugin of a model
    ships, as ``"package:file.safetensors"``; a recipe reads them with ``weights = "bundled"``.

    Raises:
        ValueError: a field has another form.
    """

    name: str = field(validator=validators.matches_re(r"[a-z][a-z0-9_]*"))
    kind: str = field(kw_only=True, validator=validators.in_(tuple(KINDS)))
    target: str = field(kw_only=True, validator=validators.matches_re(r"[\w.]+:\w+"))
    summary: str = field(kw_only=True, validator=_validate_summary)
    bundled: str | None = field(default=None, kw_only=True, validator=_validate_bundled)

    def load(self) -> Any:
        """Import the class. Only now does Python import what the plugin needs (torch, ...)."""
        module, _, attribute = self.target.partition(":")
        return getattr(importlib.import_module(module), attribute)


SPEC_CONSTRUCTORS = {kind.spec_name: partial(Spec, kind=kind.plural) for kind in KINDS.values()}

if TYPE_CHECKING:  # a type checker cannot follow the table

    class KindSpec(Spec):
        """A :class:`Spec` of one kind."""

        def __init__(self, name: str, *, target: str, summary: str, bundled: str | None = None) -> None: ...

    LossSpec = KindSpec
    AdapterSpec = KindSpec
    StageSpec = KindSpec
    ModelSpec = KindSpec
    CriticSpec = KindSpec
    DataSpec = KindSpec
    AugmentationSpec = KindSpec
    ScheduleSpec = KindSpec
    MetricSpec = KindSpec
    AggregatorSpec = KindSpec
    OptimizerSpec = KindSpec
    ObserverSpec = KindSpec
    ExporterSpec = KindSpec
