"""Named tensors: ``low``, ``student.enhanced``, ``teacher.features.e_conv2``. What a name means."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from attrs import frozen
from torch import Tensor

from zerokd.errors import KeyPath, Problem, did_you_mean
from zerokd.objective.models import ModelSet
from zerokd.objective.stage_plan import StagePlan
from zerokd.objective.term import BoundMetric, SignalReader

FEATURES = "features"
SIGNAL_RANGE_TOLERANCE = 1e-4  # by which rounding may carry a value out of its declared range
METRIC_INPUT_NAMES = ("low", "reference")  # what a metric may read beside models: the input, and its well-lit version


@frozen
class SignalName:
    """``owner`` is a model's name, empty for an input; ``layer`` is set for a tapped feature, ``output`` otherwise."""

    owner: str
    output: str = ""
    layer: str = ""

    @classmethod
    def parse(cls, text: str) -> SignalName:
        owner, dot, rest = text.partition(".")
        if not dot:
            return cls("", output=owner)
        head, _, layer = rest.partition(".")
        return cls(owner, layer=layer) if head == FEATURES and layer else cls(owner, output=rest)


def signal_names(readers: Iterable[SignalReader]) -> list[SignalName]:
    """Every signal that some term reads, in the order of first mention."""
    return [
        SignalName.parse(text) for text in dict.fromkeys(text for term in readers for text in term.bindings.values())
    ]


def signal_owners(readers: Iterable[SignalReader]) -> list[str]:
    """The models that some term reads."""
    return list(dict.fromkeys(name.owner for name in signal_names(readers) if name.owner))


def tapped_layers(owner: str, readers: Iterable[SignalReader]) -> tuple[str, ...]:
    """The layers of a model that some term taps."""
    return tuple(name.layer for name in signal_names(readers) if name.owner == owner and name.layer)


def find_stage_binding_problems(
    stage: StagePlan, models: ModelSet, inputs: Collection[str] | None, unbuilt_paths: Collection[KeyPath] = ()
) -> list[Problem]:
    """Every binding of a stage that names nothing, or something that its stage may not read.

    ``unbuilt`` are the paths of models, terms and stages that have mistakes of their own: what is not known of them is
    not held against others. ``inputs`` is None for a stage of which not even those are known.
    """
    reader = None if ("stages", stage.name) in unbuilt_paths else stage
    found = [
        problem
        for term in stage.terms
        for problem in _find_reader_problems(term, models, inputs, unbuilt_paths, reader)
    ]
    own = {stage.name, *stage.equation.coefficients}
    if any(path[0] == "models" or own.intersection(path[1:2]) for path in unbuilt_paths):
        return found  # what is missing may read it
    read = {models.get_role(owner) for owner in signal_owners(term for term in stage.terms if not term.monitor)}
    for role in stage.plugin.needs:
        if role not in read:
            text = f"stage {stage.name!r}: no term of its objective reads a signal of a {role!r}"
            found.append(
                Problem(text, stage.place, (f"a {type(stage.plugin).__name__} stage needs one",), code="stage-needs")
            )
    return found


def find_metric_binding_problems(
    measures: Iterable[BoundMetric],
    phases: Iterable[StagePlan],
    models: ModelSet,
    unbuilt_paths: Collection[KeyPath] = (),
) -> list[Problem]:
    """Every binding of a metric that names nothing, or an average that no stage of the run updates."""
    measures = [*measures]
    found = [
        problem
        for measure in measures
        for problem in _find_reader_problems(measure, models, METRIC_INPUT_NAMES, unbuilt_paths)
    ]
    updated = signal_owners(term for stage in phases for term in stage.terms)
    sure = not any(path[0] in ("terms", "stages") for path in unbuilt_paths)
    for measure in measures:
        for port, text in measure.bindings.items():
            owner = SignalName.parse(text).owner
            if owner in models.averages and owner not in updated and sure:
                told = f"{measure.label}: port {port!r} reads {text!r}, and no stage updates {owner!r}"
                hint = "an average follows its model in the stages that read it"
                found.append(Problem(told, measure.port_places[port], (hint,), code="unknown-signal"))
    return found


def _find_reader_problems(
    reader: SignalReader,
    models: ModelSet,
    inputs: Collection[str] | None,
    unbuilt_paths: Collection[KeyPath],
    stage: StagePlan | None = None,
) -> Iterator[Problem]:
    owners = {*models.models, *models.averages}
    for port, text in reader.bindings.items():
        name = SignalName.parse(text)
        told = ("models", name.owner) in unbuilt_paths or (("models",) in unbuilt_paths and name.owner not in owners)
        if told if name.owner else inputs is None:
            continue
        wrong = _diagnose_signal_name(name, stage, models, inputs or ())
        if wrong:
            message, hints = wrong
            text = f"{reader.label}: port {port!r} reads {text!r}: {message}"
            yield Problem(text, reader.port_places[port], hints, code="unknown-signal")


def _diagnose_signal_name(
    name: SignalName, stage: StagePlan | None, models: ModelSet, inputs: Collection[str]
) -> tuple[str, tuple[str, ...]] | None:
    owners = [*models.models, *models.averages]
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
    outputs = network.outputs()
    return None if name.output in outputs else ("no such output", did_you_mean(name.output, [*outputs, FEATURES]))


def describe_out_of_range(value: Tensor, bounds: tuple[float, float] | None) -> str:
    """What is wrong with a tensor's values, measured against the range that was declared for it."""
    if bounds is None or not value.numel():
        return ""
    least, most = value.detach().aminmax()
    if bounds[0] - SIGNAL_RANGE_TOLERANCE <= least and most <= bounds[1] + SIGNAL_RANGE_TOLERANCE:
        return ""
    return f"is declared within [{bounds[0]:g}, {bounds[1]:g}] and has values from {least:.3g} to {most:.3g}"
