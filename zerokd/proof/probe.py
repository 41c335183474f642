"""Does every term train the student? Found out on a small batch, before the first step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from attrs import evolve
from torch import Tensor

from zerokd.errors import PluginError, Problem, RecipeError
from zerokd.objective.graph import Call, Graph, Tensors, trace_call
from zerokd.objective.models import ModelSet
from zerokd.objective.objective import Objective
from zerokd.objective.signals import SignalReader, find_stage_binding_problems
from zerokd.objective.stage_plan import StagePlan
from zerokd.objective.term import BoundMetric, BoundTerm
from zerokd.plugin.blame import attribute_errors
from zerokd.plugin.contracts import Loss, Metric
from zerokd.plugin.specs import Port, Signal
from zerokd.proof.objective_traps import find_duplicate_terms, rewards_identity
from zerokd.proof.term_traps import check_not_constant, find_trap
from zerokd.proof.trial import ProbeBatch, equal_with_nan, preserve_buffers_and_rng, with_perturbed_parameters


def probe(stage: StagePlan, models: ModelSet, sample: Tensor) -> Objective:
    """The stage's objective, after every term has been seen to work on ``sample``, a batch (N, 3, H, W) in [0, 1].

    Nothing of the student or of the global random generator is different afterwards.

    Raises:
        RecipeError: with every term that reads what is not there, cannot be compared, breaks its contract or does not
            reach the student.
    """
    with attribute_errors(f"stage {stage.name!r}"):
        inputs = stage.plugin.inputs(sample)
    found = find_stage_binding_problems(stage, models, inputs)
    if found:
        raise RecipeError(*found)
    graph = Graph(stage, models)
    objective = Objective(stage, graph).to(sample.device)
    tensors = dict(inputs)
    signals = {name: Signal(tuple(value.shape[1:]), (0.0, 1.0)) for name, value in inputs.items()}
    with preserve_buffers_and_rng(models.student, objective):
        found += _trace_calls(stage, graph, tensors, signals)
        for term in stage.terms:
            bound = graph.bindings[term.label]
            if all(name in tensors for name in bound.values()):
                found += find_port_mismatches(term, term.loss, {port: signals[name] for port, name in bound.items()})
        if not found:
            found += _prove_terms(stage, objective, inputs, tensors, models)
    if found:
        raise RecipeError(*dict.fromkeys(found))
    return objective


def _prove_terms(
    stage: StagePlan, objective: Objective, inputs: Tensors, tensors: dict[str, Tensor], models: ModelSet
) -> Iterator[Problem]:
    """Every term for itself, then all of them together."""
    graph = objective.graph
    known = {**inputs, **{name: tensors[name] for name in graph.fixed_tensors.intersection(tensors)}}
    other = with_perturbed_parameters(graph, known, [term.label for term in stage.terms], models.student)
    trial = ProbeBatch(graph, tensors, other)
    sound = True
    for term in stage.terms:
        problems = list(_find_term_problems(term, objective, trial, models))
        if not problems and not term.monitor:
            problems = [
                Problem(f"{term.label}: {text}", term.place, code=code) for text, code in find_trap(term, trial)
            ]
        sound = sound and not problems
        yield from problems
    yield from find_duplicate_terms(stage, graph)
    if sound:
        yield from rewards_identity(stage, trial)


def _trace_calls(
    stage: StagePlan, graph: Graph, tensors: dict[str, Tensor], signals: dict[str, Signal]
) -> Iterator[Problem]:
    """Run every call once; one that refuses, or changes what others read, is told at the terms it serves."""
    for call in graph.calls:
        if not all(name in signals for name in call.described_by):
            continue
        served = [term for term in stage.terms if _term_needs_call(graph, term, call)]
        before = _copy_tensors(tensors, call.reads)
        try:
            with attribute_errors(call.name, ValueError):
                trace_call(call, tensors, signals)
        except ValueError as error:
            yield Problem(f"{served[0].label}: {call.name}: {error}", served[0].place, code="shapes-differ")
        except PluginError as error:
            yield evolve(error.problems[0], place=served[0].place)
        yield from _find_in_place_changes(call.name, before, tensors, served[0])


def _term_needs_call(graph: Graph, term: BoundTerm, call: Call) -> bool:
    return call in graph.live_calls(graph.tensors_read_by([term.label]))


def _copy_tensors(tensors: Tensors, names: Iterable[str]) -> dict[str, tuple[int, Tensor]]:
    """Those that something reads, so might write to."""
    return {name: (tensors[name]._version, tensors[name].detach().clone()) for name in dict.fromkeys(names)}


def _find_in_place_changes(
    component_name: str, before: dict[str, tuple[int, Tensor]], tensors: Tensors, term: BoundTerm
) -> Iterator[Problem]:
    """Tensors that other terms read too must not be written to; ``.data`` writes without counting a version."""
    for name, (version, copy) in before.items():
        if tensors[name]._version != version or not equal_with_nan(tensors[name], copy):
            yield Problem(
                f"{term.label}: {component_name} changes {name} in place, which other terms read",
                term.place,
                code="changed-in-place",
            )


def find_port_mismatches(
    reader: SignalReader, component: Loss | Metric, signals: dict[str, Signal]
) -> Iterator[Problem]:
    """Ports whose tensors have the wrong range or number of channels, are too small, or differ where they must not."""
    for port, declared in component.ports.items():
        signal, place = signals[port], reader.port_places[port]
        if declared.range and not _is_within_range(signal, declared):
            spread = f"values in {_format_interval(signal.range)}" if signal.range else "unbounded values"
            text = f"{reader.label}: port {port!r} takes {_format_interval(declared.range)}, {reader.bindings[port]} has {spread}"
            yield Problem(text, place, code="out-of-range")
        if declared.channels not in (None, signal.shape[0]):
            text = f"{reader.label}: port {port!r} takes {declared.channels} channels, {reader.bindings[port]} has {signal.shape[0]}"
            yield Problem(
                text,
                place,
                () if isinstance(reader, BoundMetric) else ("an adapter may bring them to that number",),
                code="shapes-differ",
            )
        if min(signal.shape[1:]) < component.min_size():
            size = "x".join(map(str, signal.shape[1:]))
            text = f"{reader.label}: {reader.use} needs at least {component.min_size()} pixels a side, got {size}"
            yield Problem(text, place, code="shapes-differ")
        if declared.like and signals[declared.like].shape != signal.shape:
            yield _shape_problem(reader, port, declared.like, signals)
        elif declared.like and len({signals[declared.like].iterations, signal.iterations} - {None}) > 1:
            counts = f"{signals[declared.like].iterations} iterations and {signal.iterations}"
            text = f"{reader.label}: {reader.bindings[declared.like]} and {reader.bindings[port]} are curve maps of {counts}"
            yield Problem(
                text,
                place,
                () if isinstance(reader, BoundMetric) else ('compare them after adapt = ["match_iterations"]',),
                code="iterations-differ",
            )


def _shape_problem(reader: SignalReader, port: str, other_port: str, signals: dict[str, Signal]) -> Problem:
    here, there = signals[port].shape, signals[other_port].shape
    text = f"{reader.label}: {reader.bindings[other_port]} is {_format_shape(there)} and {reader.bindings[port]} is {_format_shape(here)}"
    if isinstance(reader, BoundMetric):
        return Problem(text, reader.port_places[port], code="shapes-differ")
    remedies = ["adaptive_pool"] * (here[1:] != there[1:]) + ["gap"] * (here[0] != there[0])
    wanted = ", ".join(f"{name!r}" for name in (*reader.adapter_names, *remedies)).replace("'", '"')
    hint = f"make them comparable with adapt = [{wanted}]"
    return Problem(text, reader.port_places[port], (hint,), code="shapes-differ")


def _find_term_problems(
    term: BoundTerm, objective: Objective, probe_batch: ProbeBatch, models: ModelSet
) -> Iterator[Problem]:
    """A term whose value is not one finite number per image, or whose gradient does not reach the student."""
    tensors = probe_batch.tensors
    count, before = len(tensors["low"]), _copy_tensors(tensors, objective.graph.bindings[term.label].values())
    try:
        with attribute_errors(f"loss {term.use!r}"):
            value = objective.value(term.label, tensors)
    except PluginError as error:
        yield evolve(error.problems[0], message=f"{term.label}: {error.problems[0].message}", place=term.place)
        return
    yield from _find_in_place_changes(f"loss {term.use!r}", before, tensors, term)
    if not isinstance(value, Tensor) or value.shape != (count,):
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        yield Problem(
            f"{term.label}: {term.use} must return one value per image, shape (N,), got {got}",
            term.place,
            code="not-per-image",
        )
    elif not value.is_floating_point() or value.element_size() < 4:
        yield Problem(
            f"{term.label}: {term.use} must return float32 or wider, got {value.dtype}",
            term.place,
            code="not-per-image",
        )
    elif not torch.isfinite(value).all():
        yield Problem(
            f"{term.label}: {term.use} is not finite on a first batch: {value.tolist()}", term.place, code="not-finite"
        )
    elif not term.monitor:
        yield from _find_gradient_problems(term, value, probe_batch, models)


def _find_gradient_problems(term: BoundTerm, value: Tensor, probe_batch: ProbeBatch, models: ModelSet) -> Iterator[Problem]:
    hint = "bind it to a signal of the student, or set monitor = true to log the term only"
    ports = probe_batch.port_tensors(term)
    for port, tensor in ports.items():
        if term.loss.ports[port].grad and not tensor.requires_grad:
            text = f"{term.label}: port {port!r} has to carry gradient to the student, and {term.bindings[port]} carries none"
            yield Problem(
                text, term.port_places[port], (*_swapped_ports_hint(term, port, ports), hint), code="no-gradient"
            )
            return
    parameters = [parameter for parameter in models.student.parameters() if parameter.requires_grad]
    gradients: tuple[Tensor | None, ...] = (None,)
    if value.requires_grad:
        gradients = torch.autograd.grad(value.mean(), parameters, retain_graph=True, allow_unused=True)
    reached = [gradient for gradient in gradients if gradient is not None]
    if not reached:
        read = ", ".join(term.bindings.values())
        text = f"{term.label}: no gradient path to the student from {read}"
        yield Problem(text, term.place, (*_constant_hint(term, probe_batch), hint), code="no-gradient")
    elif not all(torch.isfinite(gradient).all() for gradient in reached):
        yield Problem(f"{term.label}: its gradient at the student is not finite", term.place, code="not-finite")
    elif not any(gradient.any() for gradient in reached):
        text = f"{term.label}: its gradient at the student is exactly 0: it trains nothing"
        yield Problem(text, term.place, (*_constant_hint(term, probe_batch), hint), code="no-gradient")


def _constant_hint(term: BoundTerm, probe_batch: ProbeBatch) -> tuple[str, ...]:
    text = check_not_constant(term, probe_batch)
    return (f"it {text}",) if text else ()


def _swapped_ports_hint(term: BoundTerm, port: str, ports: Mapping[str, Tensor]) -> tuple[str, ...]:
    """The student's signal stands at a port that carries no gradient, and another's at the one that has to."""
    wrong = [name for name, tensor in ports.items() if tensor.requires_grad and not term.loss.ports[name].grad]
    return tuple(
        f"the ports {port!r} and {name!r} look swapped: {term.bindings[name]} is at {name!r}" for name in wrong[:1]
    )


def _is_within_range(signal: Signal, declared: Port) -> bool:
    if signal.range is None or declared.range is None:
        return False
    return declared.range[0] <= signal.range[0] and signal.range[1] <= declared.range[1]


def _format_interval(bounds: tuple[float, float]) -> str:
    return f"[{bounds[0]:g}, {bounds[1]:g}]"


def _format_shape(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} channels of {shape[1]}x{shape[2]}"
