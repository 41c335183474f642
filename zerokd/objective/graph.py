"""What a step must compute: each forward, feature and adapter once, and only if a live term needs it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TypeVar

import torch
from attrs import evolve, field, frozen
from torch import Tensor, nn

from zerokd.objective.models import STUDENT, ModelSet
from zerokd.objective.precision import run_autocast
from zerokd.objective.signals import FEATURES, describe_out_of_range, signal_owners, tapped_layers
from zerokd.objective.stage_plan import StagePlan
from zerokd.objective.term import BoundTerm
from zerokd.plugin.contracts import Adapter, Model
from zerokd.plugin.specs import Signal

T = TypeVar("T")
Tensors = Mapping[str, Tensor]
Signals = Mapping[str, Signal]


@frozen(eq=False)
class ForwardPass:
    """One run of a model: its outputs and tapped features. All but the trained one run in eval mode, without gradient,
    and so does that one where it is only measured (``at_rest``).

    A tapped feature is what leaves its layer: it is ``copied`` where a later in-place activation was seen to change it.
    """

    owner: str
    network: Model
    layers: tuple[str, ...]
    reads: tuple[str, ...] = ("low",)
    eval_only: bool = False
    frozen: bool = False
    dtype: torch.dtype | None = None  # of its layers, where that is not float32
    copied_layers: set[str] = field(factory=set)

    @property
    def described_by(self) -> tuple[str, ...]:
        """The signals that :meth:`describe` asks for."""
        return self.reads

    @property
    def name(self) -> str:
        return f"model {self.owner!r}"

    @property
    def writes(self) -> tuple[str, ...]:
        return (*(f"{self.owner}.{output}" for output in self.network.outputs()), *map(self._feature_name, self.layers))

    def compute(self, tensors: Tensors) -> dict[str, Tensor]:
        low = tensors["low"]
        if self.frozen and low.device.type == "cpu" and len(low) > 1:  # as what is kept of an image is computed
            parts = [self._run(one) for one in low.split(1)]
            return {name: torch.cat([part.pop(name) for part in parts]) for name in [*parts[0]]}
        return self._run(low)

    def _run(self, low: Tensor) -> dict[str, Tensor]:
        made, changed = self._run_tapped(low)
        if changed:
            self.copied_layers.update(changed)
            made, _ = self._run_tapped(low)
        return made

    def _run_tapped(self, low: Tensor) -> tuple[dict[str, Tensor], list[str]]:
        """What it makes, and the layers whose output was changed after it was tapped."""
        tapped: dict[str, Tensor] = {}
        left: list[tuple[str, Tensor, int]] = []
        hooks = [
            self.network.get_submodule(one).register_forward_hook(self._make_tap_hook(tapped, left, one))
            for one in self.layers
        ]
        trained = self.owner == STUDENT and not self.eval_only
        try:
            with torch.set_grad_enabled(trained and torch.is_grad_enabled()):
                if self.network.training != trained:
                    self.network.train(trained)
                outputs = run_autocast(self.network, low, self.dtype, tapped) if self.dtype else self.network(low)
        finally:
            for hook in hooks:
                hook.remove()
        changed = [layer for layer, output, version in left if output._version != version]
        return {f"{self.owner}.{name}": value for name, value in outputs.items()} | tapped, changed

    def _make_tap_hook(
        self, tapped: dict[str, Tensor], tapped_versions: list[tuple[str, Tensor, int]], layer: str
    ) -> Callable[..., None]:
        def hook(module: nn.Module, args: object, output: Tensor) -> None:
            tapped[self._feature_name(layer)] = kept = output.clone() if layer in self.copied_layers else output
            tapped_versions.append((layer, kept, kept._version))

        return hook

    def _feature_name(self, layer: str) -> str:
        return f"{self.owner}.{FEATURES}.{layer}"

    def describe(self, signals: Signals) -> dict[str, Signal]:
        return {f"{self.owner}.{name}": signal for name, signal in self.network.outputs().items()}


@frozen(eq=False)
class Adaptation:
    """One adapter on the tensors of a term's ports. ``bound`` says which tensor each port holds before it, ``ports``
    which of them it adapts here: one that adapts them one by one is run apart for what does not change in training."""

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
        return tuple(self.bindings.values())

    @property
    def writes(self) -> tuple[str, ...]:
        return tuple(adapted_name(self.key, port) for port in self.ports)

    def compute(self, tensors: Tensors) -> dict[str, Tensor]:
        return self._by_tensor_name(self.adapter({port: tensors[self.bindings[port]] for port in self.ports}))

    def describe(self, signals: Signals) -> dict[str, Signal]:
        return self._by_tensor_name(
            self.adapter.describe({port: signals[name] for port, name in self.bindings.items()})
        )

    def _by_tensor_name(self, by_port: Mapping[str, T]) -> dict[str, T]:
        return {adapted_name(self.key, port): value for port, value in by_port.items() if port in self.ports}


def adapted_name(key: str, port: str) -> str:
    """What a port's tensor is called after an adaptation."""
    return f"{key}[{port}]"


Call = ForwardPass | Adaptation


class Graph:
    """The computations of one stage in order, and which tensor every port of every term reads.

    ``bindings`` maps a term's label to port -> tensor name, after the term's adapters. ``fixed`` are the tensors that
    depend on the image alone, whatever is trained: ``low``, what frozen models make of it, and what adapters without
    parameters make of that. ``fixed_ports`` are those ports of each term that carry no gradient.
    """

    def __init__(self, stage: StagePlan, models: ModelSet):
        self.calls: list[Call] = [
            ForwardPass(
                owner,
                models.get_model(owner),
                tapped_layers(owner, stage.terms),
                frozen=models.get_role(owner) == "teacher",
                dtype=models.student_dtype if owner == STUDENT else None,
            )
            for owner in signal_owners(stage.terms)
        ]
        self.fixed_tensors = {"low", *(name for call in self.calls if call.frozen for name in call.writes)}
        self.bindings: dict[str, dict[str, str]] = {}
        adapted: set[str] = set()
        for term in stage.terms:
            self.bindings[term.label] = self._chain_adapters(term, adapted)
        self.fixed_ports = {
            term.label: tuple(port for port, declared in term.loss.ports.items() if not declared.grad)
            for term in stage.terms
        }
        self._read_cache: dict[tuple[tuple[str, ...], tuple[str, ...]], frozenset[str]] = {}
        self._live_cache: dict[tuple[frozenset[str], frozenset[str]], list[Call]] = {}

    def _chain_adapters(self, term: BoundTerm, known_keys: set[str]) -> dict[str, str]:
        """Chain a term's adapters; an equal chain on equal tensors is shared between terms."""
        bound = dict(term.bindings)
        for adapter, name in zip(term.adapters, term.adapter_names, strict=True):
            key = f"{name}({', '.join(f'{port}={tensor}' for port, tensor in bound.items())})"
            if key not in known_keys:
                known_keys.add(key)
                self.calls += self._build_adaptations(adapter, key, bound)
            bound = {port: adapted_name(key, port) for port in bound}
        return bound

    def _build_adaptations(self, adapter: Adapter, key: str, bindings: dict[str, str]) -> Iterator[Adaptation]:
        """One for all ports; or one for the fixed ones and one for the rest, where an adapter adapts them apart."""
        pure = not [*adapter.parameters(), *adapter.buffers()]
        fixed = tuple(port for port, tensor in bindings.items() if pure and tensor in self.fixed_tensors)
        moving = tuple(port for port in bindings if port not in fixed)
        if moving and not adapter.apart:
            fixed, moving = (), tuple(bindings)
        for ports in filter(None, (fixed, moving)):
            made = Adaptation(adapter, key, bindings, ports, ports == fixed)
            if made.frozen:
                self.fixed_tensors.update(made.writes)
            yield made

    def forward_passes(self) -> list[ForwardPass]:
        """The models that run in a step."""
        return [call for call in self.calls if isinstance(call, ForwardPass)]

    def tensors_read_by(self, labels: Iterable[str], prepared_labels: Collection[str] = ()) -> frozenset[str]:
        """The tensors that these terms read; for one that is prepared, those of the ports that carry gradient."""
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
        """The calls that make these tensors of those that are given, in order."""
        if (outputs, available) not in self._live_cache:
            needed, kept = set(outputs - available), []
            for call in reversed(self.calls):
                if needed.intersection(call.writes):
                    kept.append(call)
                    needed.update(name for name in call.reads if name not in available)
            self._live_cache[outputs, available] = kept[::-1]
        return self._live_cache[outputs, available]

    def compute(self, inputs: Tensors, outputs: frozenset[str]) -> dict[str, Tensor]:
        """These tensors, and whatever else is made on the way, from what is given."""
        tensors = dict(inputs)
        for call in self.live_calls(outputs, frozenset(inputs)):
            tensors.update(call.compute(tensors))
        return tensors

    def run_adapters(self, tensors: Tensors, labels: Iterable[str]) -> dict[str, Tensor]:
        """The same from what the models have made: only the adapters run, on what is not fixed."""
        adapted = dict(tensors)
        for call in self.live_calls(self.tensors_read_by(labels), frozenset(self.fixed_tensors.intersection(tensors))):
            if isinstance(call, Adaptation):
                adapted.update(call.compute(adapted))
        return adapted


def trace_call(call: Call, tensors: dict[str, Tensor], signals: dict[str, Signal]) -> None:
    """Run one call on a sample and note what it makes, with the shapes as measured.

    Raises:
        ValueError: an adapter cannot align what it is given, or a call makes something else than it declares.
    """
    described = call.describe(signals)
    made = call.compute(tensors)
    missing = [name for name in call.writes if not isinstance(made.get(name), Tensor)]
    if missing:
        raise ValueError(f"it does not make the tensors it declares: {', '.join(missing)}")
    for name, value in made.items():
        signals[name] = evolve(described.get(name, Signal()), shape=tuple(value.shape[1:]))
        outside = describe_out_of_range(value, signals[name].range)
        if outside:
            raise ValueError(f"{name} {outside}")
    tensors.update(made)
