"""Named tensors: ``low``, ``student.enhanced``, ``teacher.features.e_conv2``. What a name means."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from attrs import frozen
from torch import Tensor

from zerokd.errors import KeyPath, Problem, did_you_mean
from zerokd.objective.models import ModelSet
from zerokd.objective.stage_plan import Phase
from zerokd.objective.term import Measure, Reader

FEATURES = "features"
TOLERANCE = 1e-4  # by which rounding may carry a value out of its declared range
MEASURED = ("low", "reference")  # what a metric may read beside models: the input, and its well-lit version


@frozen
class SignalName:
    """``owner`` is a model's name, empty for an input; ``layer`` is set for a tapped feature, ``output`` otherwise."""

    owner: str
    output: str = ""
    layer: str = ""

    @classmethod
    def read(cls, text: str) -> SignalName:
        owner, dot, rest = text.partition(".")
        if not dot:
            return cls("", output=owner)
        head, _, layer = rest.partition(".")
        return cls(owner, layer=layer) if head == FEATURES and layer else cls(owner, output=rest)


def names_of(terms: Iterable[Reader]) -> list[SignalName]:
    """Every signal that some term reads, in the order of first mention."""
    return [SignalName.read(text) for text in dict.fromkeys(text for term in terms for text in term.on.values())]


def owners_of(terms: Iterable[Reader]) -> list[str]:
    """The models that some term reads."""
    return list(dict.fromkeys(name.owner for name in names_of(terms) if name.owner))


def features_of(owner: str, terms: Iterable[Reader]) -> tuple[str, ...]:
    """The layers of a model that some term taps."""
    return tuple(name.layer for name in names_of(terms) if name.owner == owner and name.layer)


def misnamed(
    phase: Phase, models: ModelSet, inputs: Collection[str] | None, unbuilt: Collection[KeyPath] = ()
) -> list[Problem]:
    """Every binding of a stage that names nothing, or something that its stage may not read.

    ``unbuilt`` are the paths of models, terms and stages that have mistakes of their own: what is not known of them is
    not held against others. ``inputs`` is None for a stage of which not even those are known.
    """
    reader = None if ("stages", phase.name) in unbuilt else phase
    found = [problem for term in phase.terms for problem in _misread(term, models, inputs, unbuilt, reader)]
    own = {phase.name, *phase.equation.coefficients}
    if any(path[0] == "models" or own.intersection(path[1:2]) for path in unbuilt):
        return found  # what is missing may read it
    read = {models.role(owner) for owner in owners_of(term for term in phase.terms if not term.monitor)}
    for role in phase.stage.needs:
        if role not in read:
            text = f"stage {phase.name!r}: no term of its objective reads a signal of a {role!r}"
            found.append(
                Problem(text, phase.place, (f"a {type(phase.stage).__name__} stage needs one",), code="stage-needs")
            )
    return found


def unmeasurable(
    measures: Iterable[Measure], phases: Iterable[Phase], models: ModelSet, unbuilt: Collection[KeyPath] = ()
) -> list[Problem]:
    """Every binding of a metric that names nothing, or an average that no stage of the run updates."""
    measures = [*measures]
    found = [one for measure in measures for one in _misread(measure, models, MEASURED, unbuilt)]
    updated = owners_of(term for phase in phases for term in phase.terms)
    sure = not any(path[0] in ("terms", "stages") for path in unbuilt)
    for measure in measures:
        for port, text in measure.on.items():
            owner = SignalName.read(text).owner
            if owner in models.averages and owner not in updated and sure:
                told = f"{measure.label}: port {port!r} reads {text!r}, and no stage updates {owner!r}"
                hint = "an average follows its model in the stages that read it"
                found.append(Problem(told, measure.places[port], (hint,), code="unknown-signal"))
    return found


def _misread(
    reader: Reader,
    models: ModelSet,
    inputs: Collection[str] | None,
    unbuilt: Collection[KeyPath],
    phase: Phase | None = None,
) -> Iterator[Problem]:
    owners = {*models.models, *models.averages}
    for port, text in reader.on.items():
        name = SignalName.read(text)
        told = ("models", name.owner) in unbuilt or (("models",) in unbuilt and name.owner not in owners)
        if told if name.owner else inputs is None:
            continue
        wrong = _wrong(name, phase, models, inputs or ())
        if wrong:
            message, hints = wrong
            text = f"{reader.label}: port {port!r} reads {text!r}: {message}"
            yield Problem(text, reader.places[port], hints, code="unknown-signal")


def _wrong(
    name: SignalName, phase: Phase | None, models: ModelSet, inputs: Collection[str]
) -> tuple[str, tuple[str, ...]] | None:
    owners = [*models.models, *models.averages]
    if not name.owner:
        return None if name.output in inputs else ("no such input", did_you_mean(name.output, [*inputs, *owners]))
    if name.owner not in owners:
        return f"this recipe has no model {name.owner!r}", did_you_mean(name.owner, owners)
    if phase and models.role(name.owner) not in phase.stage.reads:
        return f"stage {phase.name!r} may not read {name.owner!r}", (f"it may read: {', '.join(phase.stage.reads)}",)
    network = models.network(name.owner)
    if name.layer:
        layers = [layer for layer, _ in network.named_modules() if layer]
        return None if name.layer in layers else ("no such layer", did_you_mean(name.layer, layers))
    outputs = network.outputs()
    return None if name.output in outputs else ("no such output", did_you_mean(name.output, [*outputs, FEATURES]))


def out_of_range(value: Tensor, declared: tuple[float, float] | None) -> str:
    """What is wrong with a tensor's values, measured against the range that was declared for it."""
    if declared is None or not value.numel():
        return ""
    least, most = value.detach().aminmax()
    if declared[0] - TOLERANCE <= least and most <= declared[1] + TOLERANCE:
        return ""
    return f"is declared within [{declared[0]:g}, {declared[1]:g}] and has values from {least:.3g} to {most:.3g}"
