"""Signals, which are named tensors, and the bindings of terms and metrics to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from torch import Tensor

from zerokd.errors import KeyPath, Problem, did_you_mean
from zerokd.objective.models import CRITIC, STUDENT, ModelSet, Role, declared_outputs
from zerokd.objective.signal_name import FEATURES, PARAMETERS, SignalName
from zerokd.objective.stage_plan import StagePlan
from zerokd.objective.term import BoundMetric, SignalReader, signal_owners
from zerokd.objective.view import BoundView, select_input_names

SIGNAL_RANGE_TOLERANCE = 1e-4  # rounding may carry a value this far out of its declared range
METRIC_INPUT_NAMES = ("low", "reference")  # a metric may read these beside models: the input, and its well-lit version


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
    if reading_stage:
        problems += _find_view_problems(stage, models, inputs, failed_paths)
    own_names = {stage.name, *stage.equation.coefficients}
    if any(path[0] == "models" or own_names.intersection(path[1:2]) for path in failed_paths):
        return problems  # what failed may read the role that seems unread
    return [*problems, *_find_unmet_needs(stage, models)]


def _find_unmet_needs(stage: StagePlan, models: ModelSet) -> Iterator[Problem]:
    """Each role that no term reads, although the stage's plugin needs it or it is one of the stage's two players."""
    roles = {models.get_role(owner) for owner in signal_owners(term for term in stage.terms if not term.monitor)}
    for role in stage.plugin.needs if models.trained == STUDENT else ():
        if role not in roles:
            text = f"stage {stage.name!r}: no term of its objective reads a signal of a {role!r}"
            hint = f"a {type(stage.plugin).__name__} stage needs one"
            yield Problem(text, stage.place, (hint,), code="stage-needs")
    if CRITIC in models.models and models.get_role(CRITIC) not in roles:
        text = f"stage {stage.name!r}: no term of its objective reads the critic"
        hint = "bind a port to critic(student.enhanced).score, or remove the critic"
        yield Problem(text, stage.place, (hint,), code="stage-needs")


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
    updated = signal_owners([term for stage in stages for term in stage.terms])
    if any(path[0] in ("terms", "stages") for path in failed_paths):
        return problems  # what failed may update the average
    for metric in metrics:
        for port, text in metric.bindings.items():
            for owner in (name.owner for name in SignalName.parse(text).walk()):
                if text == f"{owner}.{PARAMETERS}":
                    message = f"{metric.label}: port {port!r} reads {text!r}: a metric is one of images"
                    problems.append(Problem(message, metric.port_places[port], code="unknown-signal"))
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
        for message, hints in _diagnose_signal(text, models, inputs, failed_paths, stage):
            text = f"{reader.label}: port {port!r} reads {text!r}: {message}"
            yield Problem(text, reader.port_places[port], hints, code="unknown-signal")


def _find_view_problems(
    stage: StagePlan, models: ModelSet, inputs: Collection[str] | None, failed_paths: Collection[KeyPath]
) -> Iterator[Problem]:
    """Every view that is computed from a signal which does not exist, or which the stage must not read."""
    read = select_input_names(stage.terms, stage.views)
    for name, view in stage.views.items():
        for message, hints in (
            _diagnose_signal(view.source, models, inputs, failed_paths, stage) if name in read else ()
        ):
            yield Problem(f"signals.{name} reads {view.source!r}: {message}", view.place, hints, code="unknown-signal")


def _diagnose_signal(
    text: str,
    models: ModelSet,
    inputs: Collection[str] | None,
    failed_paths: Collection[KeyPath],
    stage: StagePlan | None,
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Why a signal, or one that it is computed from, cannot be read: messages with hints."""
    views = stage.views if stage else {}
    for name in SignalName.parse(text).walk():
        is_view = (name.output if name.is_input else name.owner) in views and not name.is_of_model
        has_failed = ("models", name.owner) in failed_paths
        has_failed |= name.owner == CRITIC and any(path[2:] == (CRITIC,) for path in failed_paths)
        has_failed |= ("models",) in failed_paths and name.owner not in models.owners
        if is_view or (has_failed if name.owner else inputs is None):
            continue
        diagnosis = _diagnose_signal_name(name, stage, models, (*(inputs or ()), *views))
        if diagnosis:
            message, hints = diagnosis
            yield message if name.text == text else f"{name.text}: {message}", hints


def _diagnose_signal_name(
    name: SignalName, stage: StagePlan | None, models: ModelSet, inputs: Collection[str]
) -> tuple[str, tuple[str, ...]] | None:
    """Why a signal cannot be read, with hints; None where it can."""
    owners = models.owners
    if not name.owner:
        return None if name.output in inputs else ("no such input", did_you_mean(name.output, [*inputs, *owners]))
    if name.is_applied:
        return _diagnose_call_without_output(name, models, stage.views if stage else {})
    if name.owner not in owners and name.owner == CRITIC:
        return "this stage has no critic", ("[stages.NAME.critic] adds one",)
    if name.owner not in owners:
        return f"this recipe has no model {name.owner!r}", did_you_mean(name.owner, owners)
    if stage and models.get_role(name.owner) not in (*stage.plugin.reads, Role.OPPONENT):
        return f"stage {stage.name!r} may not read {name.owner!r}", (f"it may read: {', '.join(stage.plugin.reads)}",)
    network = models.get_model(name.owner)
    if name.layer:
        layers = [layer for layer, _ in network.named_modules() if layer]
        return None if name.layer in layers else ("no such layer", did_you_mean(name.layer, layers))
    outputs = declared_outputs(network)
    if name.output == PARAMETERS:
        on_other = f"the parameters of {name.owner!r} do not depend on what it runs on"
        return (on_other, (f"write {name.owner}.{PARAMETERS}",)) if name.argument else None
    if outputs is None:  # a plain module; its outputs are known once it has run
        return None
    return (
        None
        if name.output in outputs
        else ("no such output", did_you_mean(name.output, [*outputs, FEATURES, PARAMETERS]))
    )


def _diagnose_call_without_output(
    name: SignalName, models: ModelSet, views: Mapping[str, BoundView]
) -> tuple[str, tuple[str, ...]]:
    if name.owner in models.owners:
        outputs = [*(declared_outputs(models.get_model(name.owner)) or ()), "output"]
        return "it names no output", (f"write {name.text}.{outputs[0]}",)
    hint = "[signals.NAME] defines a signal that can be applied to others"
    hints = (*did_you_mean(name.owner, views), hint) if views else (hint,)
    return f"no signal of this recipe is called {name.owner!r}", hints


def describe_out_of_range(value: Tensor, bounds: tuple[float, float] | None) -> str:
    """How a tensor's values violate their declared bounds; empty where they do not."""
    if bounds is None or not value.numel():
        return ""
    least, most = value.detach().aminmax()
    if bounds[0] - SIGNAL_RANGE_TOLERANCE <= least and most <= bounds[1] + SIGNAL_RANGE_TOLERANCE:
        return ""
    return f"is declared within [{bounds[0]:g}, {bounds[1]:g}] and has values from {least:.3g} to {most:.3g}"
