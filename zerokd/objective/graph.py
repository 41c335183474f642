"""What a step computes: each forward pass, feature and adapter once, and only if a live term needs it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import torch
from attrs import evolve
from torch import Tensor

from zerokd.errors import Problem, RecipeError
from zerokd.objective.calls import Adaptation, Call, ForwardPass, Tensors, adapted_name, build_forward_pass
from zerokd.objective.models import ModelSet, Role
from zerokd.objective.plugin_calls import call_component
from zerokd.objective.signal_calls import ParameterVector, ViewCall
from zerokd.objective.signal_name import LOW, PARAMETERS, SignalName
from zerokd.objective.stage_plan import ObjectivePlan
from zerokd.objective.term import BoundTerm, signal_names
from zerokd.objective.view import BoundView
from zerokd.plugin.contracts import Adapter
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.ports import Signal


class Graph:
    """The computations of an objective in order, and the tensor that every port of every term reads.

    ``bindings`` maps a term's label to port -> tensor name, after the term's adapters. ``input_names`` are the signals
    that nothing here computes. ``fixed_tensors`` depend on the image alone, whatever is trained: inputs, what frozen
    models and views without draws compute from them, and what adapters without parameters compute from those.
    ``fixed_ports`` are the ports of each term that carry no gradient. ``differentiated`` are the tensors at which a
    loss takes the gradient of others.
    """

    def __init__(self, plan: ObjectivePlan, models: ModelSet):
        self.plan, self.models = plan, models
        self.calls: list[Call] = []
        self.input_names: list[str] = []
        self.draws: dict[str, BoundView] = {}
        self.fixed_tensors: set[str] = set()
        self.differentiated = _find_differentiated(plan.terms)
        self._trained_tensors: set[str] = set(self.differentiated)
        self.bindings: dict[str, dict[str, str]] = {}
        for name in signal_names(plan.terms):
            self._add_signal(name)
        adapted_keys: set[str] = set()
        for term in plan.terms:
            self.bindings[term.label] = self._chain_adapters(term, adapted_keys)
        self.fixed_ports = {
            term.label: tuple(port for port, declared in term.loss.ports.items() if not declared.grad)
            for term in plan.terms
        }
        self._read_cache: dict[tuple[tuple[str, ...], tuple[str, ...]], frozenset[str]] = {}
        self._declared = {name: signal for call in self.forward_passes() for name, signal in call.describe({}).items()}
        self._described_shapes: dict[str, list[torch.Size]] = {}
        self._live_cache: dict[tuple[frozenset[str], frozenset[str]], list[Call]] = {}

    def _add_signal(self, name: SignalName) -> None:
        """Add what computes a signal, once. What nothing here computes is an input."""
        view = self.plan.views.get(name.output if name.is_input else name.owner)
        if view is not None and (name.is_input or name.is_applied):
            self._add_view(name, view)
        elif name.is_of_model and name.owner in self.models.owners:
            self._add_model_signal(name)
        elif name.text not in self.input_names:
            self.input_names.append(name.text)
            self.fixed_tensors |= {name.text}.intersection(self.plan.fixed_inputs)

    def _add_view(self, name: SignalName, view: BoundView) -> None:
        source = SignalName.parse(view.source) if name.argument is None else name.argument
        if any(call.writes == (name.text,) for call in self.calls):
            return
        for part in source.walk():
            self._add_signal(part)
        is_fixed = source.text in self.fixed_tensors and not view.is_random
        self.draws |= {view.draws_name: view} if view.is_random else {}
        self._add_call(ViewCall(view, source.text, name.text, is_fixed))

    def _add_model_signal(self, name: SignalName) -> None:
        network, role = self.models.get_model(name.owner), self.models.get_role(name.owner)
        if name.output == PARAMETERS:
            parameters = ParameterVector(name.owner, network, is_fixed=role is Role.TEACHER)
            if not any(call.writes == parameters.writes for call in self.calls):
                self._add_signal(SignalName("", LOW))
                self._add_call(parameters, trains=role is Role.STUDENT)
        elif not any(call.key == name.call for call in self.forward_passes()):
            call = build_forward_pass(name, self.plan.terms, self.models)
            for part in (SignalName("", LOW) if name.argument is None else name.argument).walk():
                self._add_signal(part)
            is_fixed = role is Role.TEACHER and call.reads[0] in self.fixed_tensors
            self._add_call(
                evolve(
                    call,
                    is_fixed=is_fixed,
                    per_image=is_fixed and self.models.frozen_per_image,
                    passes_gradient=call.reads[0] in self._trained_tensors,
                ),
                trains=call.trains,
            )

    def _add_call(self, call: Call, trains: bool = False) -> None:
        """Add a call whose inputs are known, and whether its tensors are fixed or depend on what is trained."""
        self.calls.append(call)
        if call.is_fixed:
            self.fixed_tensors.update(call.writes)
        if trains or self._trained_tensors.intersection(call.reads):
            self._trained_tensors.update(call.writes)

    def _chain_adapters(self, term: BoundTerm, known_keys: set[str]) -> dict[str, str]:
        """Chain a term's adapters; terms share an equal chain on equal tensors."""
        bound = dict(term.bindings)
        for adapter, name in zip(term.adapters, term.adapter_names, strict=True):
            key = f"{name}({', '.join(f'{port}={tensor}' for port, tensor in bound.items())})"
            if key not in known_keys:
                known_keys.add(key)
                self.calls += self._build_adaptations(adapter, key, bound)
            bound = {port: adapted_name(key, port) for port in bound}
        return bound

    def _build_adaptations(self, adapter: Adapter, key: str, bindings: dict[str, str]) -> Iterator[Adaptation]:
        """One run for all ports; for a per-port adapter without parameters, one for fixed tensors and one for the
        rest."""
        is_pure = not [*adapter.parameters(), *adapter.buffers()]
        fixed = tuple(port for port, tensor in bindings.items() if is_pure and tensor in self.fixed_tensors)
        moving = tuple(port for port in bindings if port not in fixed)
        if moving and not adapter.is_per_port:
            fixed, moving = (), tuple(bindings)
        for ports in filter(None, (fixed, moving)):
            adaptation = Adaptation(adapter, key, bindings, ports, ports == fixed)
            if adaptation.is_fixed:
                self.fixed_tensors.update(adaptation.writes)
            yield adaptation

    def forward_passes(self) -> list[ForwardPass]:
        """The models that run in a step."""
        return [call for call in self.calls if isinstance(call, ForwardPass)]

    def tensors_read_by(self, labels: Iterable[str], prepared_labels: Collection[str] = ()) -> frozenset[str]:
        """The tensors that these terms read; of a prepared term, those of the ports that carry gradient."""
        key = tuple(labels), tuple(prepared_labels)
        if key not in self._read_cache:
            self._read_cache[key] = frozenset(
                name
                for label in key[0]
                for port, name in self.bindings[label].items()
                if label not in key[1] or port not in self.fixed_ports[label]
            )
        return self._read_cache[key]

    def live_calls(self, outputs: frozenset[str], available: frozenset[str] = frozenset()) -> list[Call]:
        """The calls that compute ``outputs`` from what is available, in order."""
        if (outputs, available) not in self._live_cache:
            needed, live = set(outputs - available), []
            for call in reversed(self.calls):
                if needed.intersection(call.writes):
                    live.append(call)
                    needed.update(name for name in call.reads if name not in available)
            self._live_cache[outputs, available] = live[::-1]
        return self._live_cache[outputs, available]

    def compute(self, inputs: Tensors, outputs: frozenset[str]) -> dict[str, Tensor]:
        """``outputs`` and every intermediate tensor, computed from the inputs; a given tensor is never overwritten."""
        calls = self.live_calls(outputs, frozenset(inputs))
        if not torch.is_grad_enabled() and self.differentiated.intersection(outputs):
            with torch.enable_grad():  # a value that consists of gradients
                return self.compute(inputs, outputs)
        tensors = self.require_gradient(inputs)
        for call in calls:
            self._describe(call, tensors)
            computed = self.require_gradient(call_component(call.name, call.compute, tensors))
            tensors.update(computed if inputs.keys().isdisjoint(computed) else {**computed, **tensors})
        return tensors

    def require_gradient(self, tensors: Tensors) -> dict[str, Tensor]:
        """Tensors, of which those that a loss differentiates by require gradient."""
        required = dict(tensors)
        for name in self.differentiated.intersection(tensors) if torch.is_grad_enabled() else ():
            if not tensors[name].requires_grad:
                required[name] = tensors[name].detach().requires_grad_()
        return required

    def _describe(self, call: Call, tensors: Tensors) -> None:
        """Tell an adapter the shapes of its tensors where they are new to it."""
        if not isinstance(call, Adaptation) or not all(name in tensors for name in call.described_by):
            return
        shapes = [tensors[name].shape[1:] for name in call.described_by]
        if self._described_shapes.get(call.key) == shapes:
            return
        signals = {
            name: evolve(self._declared.get(name, Signal()), shape=tuple(shape))
            for name, shape in zip(call.described_by, shapes, strict=True)
        }
        try:
            with attribute_errors(call.name, ValueError):
                self._declared |= call.describe(signals)
        except ValueError as error:
            raise RecipeError(Problem(f"{call.name}: {error}", code="shapes-differ")) from error
        self._described_shapes[call.key] = shapes

    def complete_inputs(self, inputs: Tensor | Tensors) -> Tensors:
        """Signals by name, with the draws of views from PyTorch's random generator where they are not among them."""
        named = {LOW: inputs} if isinstance(inputs, Tensor) else inputs
        if self.draws.keys() <= named.keys():
            return named
        generators = [torch.default_generator] * len(next(iter(named.values())))
        return {**named, **{name: view.draw(generators) for name, view in self.draws.items() if name not in named}}

    def run_adapters(self, tensors: Tensors, labels: Iterable[str]) -> dict[str, Tensor]:
        """``tensors`` and what adapters compute from them for these terms; models do not run."""
        adapted = dict(tensors)
        for call in self.live_calls(self.tensors_read_by(labels), frozenset(self.fixed_tensors.intersection(tensors))):
            if isinstance(call, Adaptation):
                self._describe(call, adapted)
                adapted.update(call.compute(adapted))
        return adapted


def _find_differentiated(terms: Iterable[BoundTerm]) -> frozenset[str]:
    """The signals at differentiable ports."""
    return frozenset(
        term.bindings[port] for term in terms for port, declared in term.loss.ports.items() if declared.differentiable
    )
