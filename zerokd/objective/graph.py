"""What a step computes: each forward pass, feature and adapter once, and only if a live term needs it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TypeVar

import torch
from attrs import field, frozen
from torch import Tensor, nn

from zerokd.errors import Problem, RecipeError, did_you_mean
from zerokd.objective.autocast import run_autocast
from zerokd.objective.models import STUDENT, ModelSet, Role, declared_outputs, name_outputs
from zerokd.objective.signals import FEATURES, SignalName, signal_owners, tapped_layers
from zerokd.objective.stage_plan import ObjectivePlan
from zerokd.objective.term import BoundTerm, SignalReader
from zerokd.plugin.contracts import Adapter
from zerokd.plugin.ports import Signal

T = TypeVar("T")
Tensors = Mapping[str, Tensor]


@frozen(eq=False)
class ForwardPass:
    """One run of a model: its outputs and tapped features. Only a ``trains`` pass records gradient; every other model
    runs in eval mode.

    A tapped feature is the output of its layer; it is copied where a later in-place activation would change it
    (``copied_layers``). ``outputs`` names the outputs that terms read, for a plain module that declares none.
    """

    owner: str
    network: nn.Module
    layers: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ("low",)
    trains: bool = False
    frozen: bool = False
    per_image: bool = False
    dtype: torch.dtype | None = None  # of its layers, where that is not float32
    copied_layers: set[str] = field(factory=set)

    @property
    def described_by(self) -> tuple[str, ...]:
        """The signals that :meth:`describe` needs."""
        return self.reads

    @property
    def name(self) -> str:
        return f"model {self.owner!r}"

    @property
    def writes(self) -> tuple[str, ...]:
        declared = declared_outputs(self.network)
        outputs = self.outputs if declared is None else declared
        return (*(f"{self.owner}.{output}" for output in outputs), *map(self._feature_name, self.layers))

    def compute(self, tensors: Tensors) -> dict[str, Tensor]:
        low = tensors[self.reads[0]]
        if self.per_image and low.device.type == "cpu" and len(low) > 1:
            parts = [self._run(image) for image in low.split(1)]
            return {name: torch.cat([part.pop(name) for part in parts]) for name in [*parts[0]]}
        return self._run(low)

    def _run(self, low: Tensor) -> dict[str, Tensor]:
        outputs, changed_layers = self._run_tapped(low)
        if changed_layers:
            self.copied_layers.update(changed_layers)
            outputs, _ = self._run_tapped(low)
        return outputs

    def _run_tapped(self, low: Tensor) -> tuple[dict[str, Tensor], list[str]]:
        """Outputs and features, and the layers whose output changed after it was tapped."""
        tapped: dict[str, Tensor] = {}
        versions: list[tuple[str, Tensor, int]] = []
        hooks = [
            self.network.get_submodule(layer).register_forward_hook(self._make_tap_hook(tapped, versions, layer))
            for layer in self.layers
        ]
        if not self.trains and self.network.training:
            self.network.eval()
        try:
            with torch.set_grad_enabled(self.trains and torch.is_grad_enabled()):
                outputs = run_autocast(self.network, low, self.dtype, tapped) if self.dtype else self.network(low)
        finally:
            for hook in hooks:
                hook.remove()
        named = name_outputs(outputs)
        absent = [name for name in self.outputs if name not in named]
        if absent:
            text = f"{self.name} returns no output {absent[0]!r}; it returns {', '.join(named) or 'no tensor'}"
            raise RecipeError(Problem(text, hints=did_you_mean(absent[0], named), code="unknown-signal"))
        changed_layers = [layer for layer, output, version in versions if output._version != version]
        return {f"{self.owner}.{name}": value for name, value in named.items()} | tapped, changed_layers

    def _make_tap_hook(
        self, tapped: dict[str, Tensor], versions: list[tuple[str, Tensor, int]], layer: str
    ) -> Callable[..., None]:
        def hook(module: nn.Module, args: object, output: Tensor) -> None:
            feature = output.clone() if layer in self.copied_layers else output
            tapped[self._feature_name(layer)] = feature
            versions.append((layer, feature, feature._version))

        return hook

    def _feature_name(self, layer: str) -> str:
        return f"{self.owner}.{FEATURES}.{layer}"

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        declared = declared_outputs(self.network) or {}
        return {f"{self.owner}.{name}": signal for name, signal in declared.items()}


@frozen(eq=False)
class Adaptation:
    """One adapter on the tensors of a term's ports. ``bindings`` name the tensor of each port before it, ``ports`` are
    those that this run adapts: a per-port adapter runs separately for tensors that do not change in training."""

    adapter: Adapter
    key: str
    bindings: dict[str, str]
    ports: tuple[str, ...]
    frozen: bool = False

    @property
    def name(self) -> str:
        return f"adapter {self.key.partition('(')[0]!r}"

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(self.bindings[port] for port in self.ports)

    @property
    def described_by(self) -> tuple[str, ...]:
        """The signals that :meth:`describe` needs."""
        return tuple(self.bindings.values())

    @property
    def writes(self) -> tuple[str, ...]:
        return tuple(adapted_name(self.key, port) for port in self.ports)

    def compute(self, tensors: Tensors) -> dict[str, Tensor]:
        return self._by_tensor_name(self.adapter({port: tensors[self.bindings[port]] for port in self.ports}))

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        ports = {port: signals[name] for port, name in self.bindings.items()}
        return self._by_tensor_name(self.adapter.describe(ports))

    def _by_tensor_name(self, by_port: Mapping[str, T]) -> dict[str, T]:
        return {adapted_name(self.key, port): value for port, value in by_port.items() if port in self.ports}


def adapted_name(key: str, port: str) -> str:
    """The name of a port's tensor after an adaptation."""
    return f"{key}[{port}]"


Call = ForwardPass | Adaptation


def build_forward_pass(owner: str, readers: Collection[SignalReader], models: ModelSet) -> ForwardPass:
    """The run of a model that gives what these terms or metrics read of it."""
    role = models.get_role(owner)
    names = [SignalName.parse(text) for reader in readers for text in reader.bindings.values()]
    return ForwardPass(
        owner,
        models.get_model(owner),
        tapped_layers(owner, readers),
        tuple(dict.fromkeys(name.output for name in names if name.owner == owner and name.output)),
        trains=role is Role.STUDENT,
        frozen=role is Role.TEACHER,
        per_image=role is Role.TEACHER and models.frozen_per_image,
        dtype=models.student_dtype if owner == STUDENT else None,
    )


class Graph:
    """The computations of an objective in order, and the tensor that every port of every term reads.

    ``bindings`` maps a term's label to port -> tensor name, after the term's adapters. ``fixed_tensors`` depend on the
    image alone, whatever is trained: ``low``, the outputs of frozen models, and what adapters without parameters
    compute from those. ``fixed_ports`` are the ports of each term that carry no gradient.
    """

    def __init__(self, plan: ObjectivePlan, models: ModelSet):
        self.calls: list[Call] = [
            build_forward_pass(owner, plan.terms, models)
            for owner in signal_owners(plan.terms)
            if owner in models.owners
        ]
        self.fixed_tensors = {"low", *(name for call in self.calls if call.frozen for name in call.writes)}
        self.bindings: dict[str, dict[str, str]] = {}
        adapted_keys: set[str] = set()
        for term in plan.terms:
            self.bindings[term.label] = self._chain_adapters(term, adapted_keys)
        self.fixed_ports = {
            term.label: tuple(port for port, declared in term.loss.ports.items() if not declared.grad)
            for term in plan.terms
        }
        self._read_cache: dict[tuple[tuple[str, ...], tuple[str, ...]], frozenset[str]] = {}
        self._missing_cache: dict[tuple[frozenset[str], frozenset[str]], frozenset[str]] = {}
        self._live_cache: dict[tuple[frozenset[str], frozenset[str]], list[Call]] = {}

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
            if adaptation.frozen:
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

    def missing_signals(self, outputs: frozenset[str], available: frozenset[str]) -> frozenset[str]:
        """The signals that these outputs need and that are neither available nor computed."""
        if (outputs, available) not in self._missing_cache:
            calls = self.live_calls(outputs, available)
            computed = available.union(*(call.writes for call in calls))
            needed = outputs.union(*(call.reads for call in calls))
            self._missing_cache[outputs, available] = needed - computed
        return self._missing_cache[outputs, available]

    def compute(self, inputs: Tensors, outputs: frozenset[str]) -> dict[str, Tensor]:
        """``outputs`` and every intermediate tensor, computed from the inputs; a given tensor is never overwritten."""
        tensors = dict(inputs)
        for call in self.live_calls(outputs, frozenset(inputs)):
            computed = call.compute(tensors)
            tensors.update(computed if inputs.keys().isdisjoint(computed) else {**computed, **inputs})
        return tensors

    def run_adapters(self, tensors: Tensors, labels: Iterable[str]) -> dict[str, Tensor]:
        """``tensors`` and what adapters compute from them for these terms; models do not run."""
        adapted = dict(tensors)
        for call in self.live_calls(self.tensors_read_by(labels), frozenset(self.fixed_tensors.intersection(tensors))):
            if isinstance(call, Adaptation):
                adapted.update(call.compute(adapted))
        return adapted
