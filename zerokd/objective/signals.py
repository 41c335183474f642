"""Signals, which are named tensors: ``low``, ``student.enhanced``, ``teacher.features.e_conv2``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from attrs import frozen
from torch import Tensor

from zerokd.errors import KeyPath, Problem, did_you_mean
from zerokd.objective.models import ModelSet, declared_outputs
from zerokd.objective.stage_plan import StagePlan
from zerokd.objective.term import BoundMetric, SignalReader

FEATURES = "features"
SIGNAL_RANGE_TOLERANCE = 1e-4  # rounding may carry a value this far out of its declared range
METRIC_INPUT_NAMES = ("low", "reference")  # a metric may read these beside models: the input, and its well-lit version


@frozen
class SignalName:
    """``owner`` is a model's name, empty for an input; ``layer`` is set for a tapped feature, ``output`` otherwise."""

    owner: str
    output: str = ""
    layer: str = ""

    @classmethod
    def parse(cls, text: str) -> SignalName:
        """The name in ``owner.output``, ``owner.features.layer`` or ``input`` form."""
        owner, dot, rest = text.partition(".")
        if not dot:
            return cls("", output=owner)
        head, _, layer = rest.partition(".")
        return cls(owner, layer=layer) if head == FEATURES and layer else cls(owner, output=rest)


def signal_names(readers: Iterable[SignalReader]) -> list[SignalName]:
    """Every signal that these terms or metrics read, in the order of first mention."""
    texts = dict.fromkeys(text for reader in readers for text in reader.bindings.values())
    return [SignalName.parse(text) for text in texts]


def signal_owners(readers: Iterable[SignalReader]) -> list[str]:
    """The models that these terms or metrics read."""
    return list(dict.fromkeys(name.owner for name in signal_names(readers) if name.owner))


def tapped_layers(owner: str, readers: Iterable[SignalReader]) -> tuple[str, ...]:
    """The layers of a model that these terms or metrics tap."""
    return tuple(name.layer for name in signal_names(readers) if name.owner == owner and name.layer)


def find_stage_binding_problems(
    stage: StagePlan, models: ModelSet, inputs: Collection[str] | None, failed_paths: Collection[KeyPath] = ()
) -> list[Problem]:
    """Every binding of a stage that names no signal, or one that its stage must not read.

    ``failed_paths`` are the paths of models, terms and stages with errors of their own; what is unknown because of them
    is no further problem. ``inputs`` is None for a stage whose inputs are unknown.
    """
    reading_stage = None if ("stages", stage.name) in failed_paths else stage
    problems = [
        problem
        for term in stage.terms
        for problem in _find_reader_problems(term, models, inputs, failed_paths, reading_stage)
    ]
    own_names = {stage.name, *stage.equation.coefficients}
    if any(path[0] == "models" or own_names.intersection(path[1:2]) for path in failed_paths):
        return problems  # what failed may read the role that seems unread
    roles = {models.get_role(owner) for owner in signal_owners(term for term in stage.terms if not term.monitor)}
    for role in stage.plugin.needs:
        if role not in roles:
            text = f"stage {stage.name!r}: no term of its objective reads a signal of a {role!r}"
            hint = f"a {type(stage.plugin).__name__} stage needs one"
            problems.append(Problem(text, stage.place, (hint,), code="stage-needs"))
    return problems


def find_metric_binding_problems(
    metrics: Iterable[BoundMetric],
    stages: Iterable[StagePlan],
    models: ModelSet,
    failed_paths: Collection[KeyPath] = (),
) -> list[Problem]:
    """Every binding of a metric that names no signal, or an average that no stage of the run updates."""
    metrics = [*metrics]
    problems = [
        problem
        for metric in metrics
        for problem in _find_reader_problems(metric, models, METRIC_INPUT_NAMES, failed_paths)
    ]
    updated = signal_owners(term for stage in stages for term in stage.terms)
    if any(path[0] in ("terms", "stages") for path in failed_paths):
        return problems  # what failed may update the average
    for metric in metrics:
        for port, text in metric.bindings.items():
            owner = SignalName.parse(text).owner
            if owner in models.averages and owner not in updated:
                message = f"{metric.label}: port {port!r} reads {text!r}, and no stage updates {owner!r}"
                hint = "an average follows its model in the stages that read it"
                problems.append(Problem(message, metric.port_places[port], (hint,), code="unknown-signal"))
    return problems


def _find_reader_problems(
    reader: SignalReader,
    models: ModelSet,
    inputs: Collection[str] | None,
    failed_paths: Collection[KeyPath],
    stage: StagePlan | None = None,
) -> Iterator[Problem]:
    for port, text in reader.bindings.items():
        name = SignalName.parse(text)
        has_failed = ("models", name.owner) in failed_paths
        has_failed |= ("models",) in failed_paths and name.owner not in models.owners
        if has_failed if name.owner else inputs is None:
            continue
        diagnosis = _diagnose_signal_name(name, stage, models, inputs or ())
        if diagnosis:
            message, hints = diagnosis
            text = f"{reader.label}: port {port!r} reads {text!r}: {message}"
            yield Problem(text, reader.port_places[port], hints, code="unknown-signal")


def _diagnose_signal_name(
    name: SignalName, stage: StagePlan | None, models: ModelSet, inputs: Collection[str]
) -> tuple[str, tuple[str, ...]] | None:
    """Why a signal cannot be read, with hints; None where it can."""
    owners = models.owners
    if not name.owner:
        return None if name.output in inputs else ("no such input", did_you_mean(name.output, [*inputs, *owners]))
    if name.owner not in owners:
        return f"this recipe has no model {name.owner!r}", did_you_mean(name.owner, owners)
    if stage and models.get_role(name.owner) not in stage.plugin.reads:
        return f"stage {stage.name!r} may not read {name.owner!r}", (f"it may read: {', '.join(stage.plugin.reads)}",)
    network = models.get_model(name.owner)
    if name.layer:
        layers = [layer for layer, _ in network.named_modules() if layer]
        return None if name.layer in layers else ("no such layer", did_you_mean(name.layer, layers))
    outputs = declared_outputs(network)
    if outputs is None:  # a plain module; its outputs are known once it has run
        return None
    return None if name.output in outputs else ("no such output", did_you_mean(name.output, [*outputs, FEATURES]))


def describe_out_of_range(value: Tensor, bounds: tuple[float, float] | None) -> str:
    """How a tensor's values violate their declared bounds; empty where they do not."""
    if bounds is None or not value.numel():
        return ""
    least, most = value.detach().aminmax()
    if bounds[0] - SIGNAL_RANGE_TOLERANCE <= least and most <= bounds[1] + SIGNAL_RANGE_TOLERANCE:
        return ""
    return f"is declared within [{bounds[0]:g}, {bounds[1]:g}] and has values from {least:.3g} to {most:.3g}"
