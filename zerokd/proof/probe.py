"""Verifies on a small batch, before the first step, that every term trains the student."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from attrs import evolve
from torch import Tensor

from zerokd.errors import PluginError, Problem, RecipeError
from zerokd.objective.calls import Call, Tensors
from zerokd.objective.graph import Graph
from zerokd.objective.models import ModelSet, Role
from zerokd.objective.objective import Objective
from zerokd.objective.plugin_calls import describe_dtype, require_per_image
from zerokd.objective.signals import find_stage_binding_problems
from zerokd.objective.stage_plan import StagePlan
from zerokd.objective.term import BoundMetric, BoundTerm, SignalReader, signal_owners
from zerokd.objective.tracing import trace_call
from zerokd.plugin.batch import Batch
from zerokd.plugin.contracts import Loss, Metric
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.ports import Port, Signal
from zerokd.proof.hidden_state import find_unstored_state
from zerokd.proof.objective_traps import find_duplicate_terms, rewards_identity
from zerokd.proof.term_traps import check_not_constant, find_trap
from zerokd.proof.trial import (
    ProbeBatch,
    equal_with_nan,
    gradient_leaves,
    preserve_buffers_and_rng,
    with_perturbed_leaves,
)


def probe(stage: StagePlan, models: ModelSet, sample: Batch) -> Objective:
    """The stage's objective, once every term has been verified on the images of ``sample``.

    Parameters, buffers and the global random generator stay as they are.

    Raises:
        RecipeError: with the problems of all terms.
    """
    with attribute_errors(f"stage {stage.name!r}"):
        inputs = stage.plugin.inputs(sample)
    problems = find_stage_binding_problems(stage, models, inputs)
    if problems:
        raise RecipeError(*problems)
    objective = Objective.from_plan(stage, models).to(sample.low.device)
    verify_terms(objective, inputs, {name: None if name in objective.graph.draws else (0.0, 1.0) for name in inputs})
    return objective


def verify_terms(objective: Objective, inputs: Tensors, ranges: Mapping[str, tuple[float, float] | None]) -> None:
    """Verify that every term trains the student on these inputs; ``ranges`` are the known ranges of the inputs.

    Raises:
        RecipeError: with every term that reads a signal that does not exist, cannot be compared, breaks its contract,
            or does not reach the student.
    """
    plan, graph = objective.plan, objective.graph
    tensors = graph.require_gradient(inputs)
    signals = {name: Signal(tuple(value.shape[1:]), ranges.get(name)) for name, value in inputs.items()}
    with preserve_buffers_and_rng(*objective.models.models.values(), objective):
        problems = list(_trace_calls(objective, tensors, signals))
        for term in plan.terms:
            bound = graph.bindings[term.label]
            if all(name in tensors for name in bound.values()):
                ports = {port: signals[name] for port, name in bound.items()}
                problems += find_port_mismatches(term, term.loss, ports)
        if not problems:
            problems += _verify_traced_terms(objective, inputs, tensors)
            problems += find_unstored_state(objective.plan)
    if problems:
        raise RecipeError(*dict.fromkeys(problems))


def _verify_traced_terms(objective: Objective, inputs: Tensors, tensors: dict[str, Tensor]) -> Iterator[Problem]:
    """Every term by itself, then all of them together."""
    plan, graph = objective.plan, objective.graph
    leaves = gradient_leaves(objective, inputs)
    known = {**inputs, **{name: tensors[name] for name in graph.fixed_tensors.intersection(tensors)}}
    perturbed = with_perturbed_leaves(graph, known, [term.label for term in plan.terms], leaves)
    batch = ProbeBatch(graph, tensors, perturbed, leaves)
    is_sound = True
    for term in plan.terms:
        problems = list(_find_term_problems(term, objective, batch))
        if not problems and not term.monitor:
            traps = find_trap(term, batch)
            problems = [Problem(f"{term.label}: {text}", term.place, code=code) for text, code in traps]
        is_sound = is_sound and not problems
        yield from problems
    yield from find_duplicate_terms(plan, graph)
    if is_sound:
        yield from rewards_identity(plan, batch)


def _trace_calls(objective: Objective, tensors: dict[str, Tensor], signals: dict[str, Signal]) -> Iterator[Problem]:
    """Run every call once; report one that fails, or changes what others read, at the first term that needs it."""
    graph = objective.graph
    for call in graph.calls:
        if not all(name in signals for name in call.described_by) or tensors.keys() >= {*call.writes}:
            continue
        term = next(term for term in objective.plan.terms if _term_needs_call(graph, term, call))
        before = _copy_tensors(tensors, call.reads)
        try:
            with attribute_errors(call.name, ValueError):
                trace_call(call, tensors, signals)
                tensors.update(graph.require_gradient({name: tensors[name] for name in call.writes}))
        except ValueError as error:
            yield Problem(f"{term.label}: {call.name}: {error}", term.place, code="shapes-differ")
        except PluginError as error:
            yield evolve(error.problems[0], place=term.place)
        yield from _find_in_place_changes(call.name, before, tensors, term)


def _term_needs_call(graph: Graph, term: BoundTerm, call: Call) -> bool:
    return call in graph.live_calls(graph.tensors_read_by([term.label]))


def _copy_tensors(tensors: Tensors, names: Iterable[str]) -> dict[str, tuple[int, Tensor]]:
    """The version and a copy of tensors that a component reads, and so might write to."""
    return {name: (tensors[name]._version, tensors[name].detach().clone()) for name in dict.fromkeys(names)}


def _find_in_place_changes(
    component_name: str, before: dict[str, tuple[int, Tensor]], tensors: Tensors, term: BoundTerm
) -> Iterator[Problem]:
    """Tensors that a component changed although other terms read them; ``.data`` writes without counting a version."""
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
    """Ports whose tensors have the wrong range or channel count, are too small, or differ where they must not."""
    is_metric = isinstance(reader, BoundMetric)
    for port, declared in component.ports.items():
        signal, place, bound = signals[port], reader.port_places[port], reader.bindings[port]
        where = f"{reader.label}: port {port!r} takes"
        if declared.range and not _is_within_range(signal, declared):
            values = f"values in {_format_interval(signal.range)}" if signal.range else "unbounded values"
            text = f"{where} {_format_interval(declared.range)}, {bound} has {values}"
            yield Problem(text, place, code="out-of-range")
        channels = signal.shape[0] if signal.shape else 0
        if declared.channels not in (None, channels):
            text = f"{where} {declared.channels} channels, {bound} has {channels}"
            hints = () if is_metric else ("an adapter may bring them to that number",)
            yield Problem(text, place, hints, code="shapes-differ")
        if min(signal.shape[1:], default=component.min_size()) < component.min_size():
            size = "x".join(map(str, signal.shape[1:]))
            text = f"{reader.label}: {reader.use} needs at least {component.min_size()} pixels a side, got {size}"
            yield Problem(text, place, code="shapes-differ")
        if declared.like and signals[declared.like].shape != signal.shape:
            yield _shapes_differ_problem(reader, port, declared.like, signals)
        elif declared.like and len({signals[declared.like].iterations, signal.iterations} - {None}) > 1:
            counts = f"{signals[declared.like].iterations} iterations and {signal.iterations}"
            text = f"{reader.label}: {reader.bindings[declared.like]} and {bound} are curve maps of {counts}"
            hints = () if is_metric else ('compare them after adapt = ["match_iterations"]',)
            yield Problem(text, place, hints, code="iterations-differ")


def _shapes_differ_problem(reader: SignalReader, port: str, other_port: str, signals: dict[str, Signal]) -> Problem:
    shape, other = signals[port].shape, signals[other_port].shape
    bindings = reader.bindings
    text = f"{bindings[other_port]} is {_format_shape(other)} and {bindings[port]} is {_format_shape(shape)}"
    hints: tuple[str, ...] = ()
    if isinstance(reader, BoundTerm) and len(shape) == len(other) == 3:
        remedies = ["adaptive_pool"] * (shape[1:] != other[1:]) + ["gap"] * (shape[0] != other[0])
        adapters = ", ".join(f"{name!r}" for name in (*reader.adapter_names, *remedies)).replace("'", '"')
        hints = (f"make them comparable with adapt = [{adapters}]",)
    return Problem(f"{reader.label}: {text}", reader.port_places[port], hints, code="shapes-differ")


def _find_term_problems(term: BoundTerm, objective: Objective, batch: ProbeBatch) -> Iterator[Problem]:
    """A term whose value is not one finite number per image, or whose gradient does not reach the student."""
    count = len(next(iter(batch.port_tensors(term).values())))
    before = _copy_tensors(batch.tensors, objective.graph.bindings[term.label].values())
    try:
        with attribute_errors(f"loss {term.use!r}"):
            value = objective.value(term.label, batch.tensors)
    except PluginError as error:
        yield evolve(error.problems[0], message=f"{term.label}: {error.problems[0].message}", place=term.place)
        return
    yield from _find_in_place_changes(f"loss {term.use!r}", before, batch.tensors, term)
    try:
        require_per_image(term, value, count)
    except PluginError as error:
        yield error.problems[0]
        return
    batch.keep_value(term, value)
    if value.element_size() < 4:
        yield Problem(describe_dtype(term, value), term.place, code="not-per-image")
    elif not torch.isfinite(value).all():
        text = f"{term.label}: {term.use} is not finite on a first batch: {value.tolist()}"
        yield Problem(text, term.place, code="not-finite")
    elif not term.monitor:
        yield from _find_gradient_problems(term, value, batch)


def _find_gradient_problems(term: BoundTerm, value: Tensor, batch: ProbeBatch) -> Iterator[Problem]:
    trained, ports = batch.graph.models.trained, batch.port_tensors(term)
    hint = f"bind it to a signal of the {trained}, or set monitor = true to log the term only"
    for port, tensor in ports.items():
        if term.loss.ports[port].grad and not tensor.requires_grad:
            bound = term.bindings[port]
            text = f"{term.label}: port {port!r} must carry gradient to the {trained}, and {bound} carries none"
            applied = [call for call in batch.graph.forward_passes() if call.passes_gradient and call.key in bound]
            blocked = [f"no gradient passes through {call.owner!r} to what it runs on" for call in applied[-1:]]
            hints = (*_swapped_ports_hint(term, port, ports), *blocked, hint)
            yield Problem(text, term.port_places[port], hints, code="no-gradient")
            return
    gradients: tuple[Tensor | None, ...] = (None,)
    if value.requires_grad:
        gradients = torch.autograd.grad(value.mean(), batch.leaves, retain_graph=True, allow_unused=True)
    received = [gradient for gradient in gradients if gradient is not None]
    if not received:
        text = f"{term.label}: no gradient path to the {trained} from {', '.join(term.bindings.values())}"
        yield Problem(text, term.place, (*_constant_hint(term, batch), hint), code="no-gradient")
    elif not all(torch.isfinite(gradient).all() for gradient in received):
        yield Problem(f"{term.label}: its gradient at the {trained} is not finite", term.place, code="not-finite")
    elif not any(gradient.any() for gradient in received) and not _starts_at_average(term, batch):
        text = f"{term.label}: its gradient at the {trained} is exactly 0: it trains nothing"
        yield Problem(text, term.place, (*_constant_hint(term, batch), hint), code="no-gradient")


def _starts_at_average(term: BoundTerm, batch: ProbeBatch) -> bool:
    """Whether a term compares the student with its average, which equals it at the start, and will move."""
    averages = {call.owner for call in batch.graph.forward_passes() if call.role is Role.EMA}
    reads_average = any(owner in averages for owner in signal_owners([term]))
    return reads_average and not check_not_constant(term, batch)


def _constant_hint(term: BoundTerm, batch: ProbeBatch) -> tuple[str, ...]:
    text = check_not_constant(term, batch)
    return (f"it {text}",) if text else ()


def _swapped_ports_hint(term: BoundTerm, port: str, tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    """The student's signal is bound to a port without gradient, and another signal to the one that needs it."""
    swapped = [name for name, tensor in tensors.items() if tensor.requires_grad and not term.loss.ports[name].grad]
    return tuple(
        f"the ports {port!r} and {name!r} look swapped: {term.bindings[name]} is at {name!r}" for name in swapped[:1]
    )


def _is_within_range(signal: Signal, declared: Port) -> bool:
    if signal.range is None or declared.range is None:
        return False
    return declared.range[0] <= signal.range[0] and signal.range[1] <= declared.range[1]


def _format_interval(bounds: tuple[float, float]) -> str:
    return f"[{bounds[0]:g}, {bounds[1]:g}]"


def _format_shape(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} channels of {shape[1]}x{shape[2]}" if len(shape) == 3 else f"of shape {shape}"
