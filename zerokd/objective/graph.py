"""What a step must compute: each forward, feature and adapter once, and only if a live term needs it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TypeVar

import torch
from attrs import evolve, field, frozen
from torch import Tensor, nn

from zerokd.objective.models import TRAINED, ModelSet
from zerokd.objective.precision import narrow
from zerokd.objective.signals import FEATURES, features_of, out_of_range, owners_of
from zerokd.objective.stage_plan import Phase
from zerokd.objective.term import Term
from zerokd.plugin.contracts import Adapter, Model
from zerokd.plugin.specs import Signal

T = TypeVar("T")
Tensors = Mapping[str, Tensor]
Signals = Mapping[str, Signal]


@frozen(eq=False)
class Forward:
    """One run of a model: its outputs and tapped features. All but the trained one run in eval mode, without gradient,
    and so does that one where it is only measured (``at_rest``).

    A tapped feature is what leaves its layer: it is ``copied`` where a later in-place activation was seen to change it.
    """

    owner: str
    network: Model
    layers: tuple[str, ...]
    reads: tuple[str, ...] = ("low",)
    at_rest: bool = False
    frozen: bool = False
    dtype: torch.dtype | None = None  # of its layers, where that is not float32
    copied: set[str] = field(factory=set)

    @property
    def told_by(self) -> tuple[str, ...]:
        """The signals that :meth:`describe` asks for."""
        return self.reads

    @property
    def name(self) -> str:
        return f"model {self.owner!r}"

    @property
    def writes(self) -> tuple[str, ...]:
        return (*(f"{self.owner}.{output}" for output in self.network.outputs()), *map(self._feature, self.layers))

    def compute(self, tensors: Tensors) -> dict[str, Tensor]:
        low = tensors["low"]
        if self.frozen and low.device.type == "cpu" and len(low) > 1:  # as what is kept of an image is computed
            parts = [self._made(one) for one in low.split(1)]
            return {name: torch.cat([part.pop(name) for part in parts]) for name in [*parts[0]]}
        return self._made(low)

    def _made(self, low: Tensor) -> dict[str, Tensor]:
        made, changed = self._run(low)
        if changed:
            self.copied.update(changed)
            made, _ = self._run(low)
        return made

    def _run(self, low: Tensor) -> tuple[dict[str, Tensor], list[str]]:
        """What it makes, and the layers whose output was changed after it was tapped."""
        tapped: dict[str, Tensor] = {}
        left: list[tuple[str, Tensor, int]] = []
        hooks = [
            self.network.get_submodule(one).register_forward_hook(self._keep(tapped, left, one)) for one in self.layers
        ]
        trained = self.owner == TRAINED and not self.at_rest
        try:
            with torch.set_grad_enabled(trained and torch.is_grad_enabled()):
                if self.network.training != trained:
                    self.network.train(trained)
                outputs = narrow(self.network, low, self.dtype, tapped) if self.dtype else self.network(low)
        finally:
            for hook in hooks:
                hook.remove()
        changed = [layer for layer, output, version in left if output._version != version]
        return {f"{self.owner}.{name}": value for name, value in outputs.items()} | tapped, changed

    def _keep(self, tapped: dict[str, Tensor], left: list[tuple[str, Tensor, int]], layer: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: object, output: Tensor) -> None:
            tapped[self._feature(layer)] = kept = output.clone() if layer in self.copied else output
            left.append((layer, kept, kept._version))

        return hook

    def _feature(self, layer: str) -> str:
        return f"{self.owner}.{FEATURES}.{layer}"

    def describe(self, signals: Signals) -> dict[str, Signal]:
        return {f"{self.owner}.{name}": signal for name, signal in self.network.outputs().items()}


@frozen(eq=False)
class Adaptation:
    """One adapter on the tensors of a term's ports. ``bound`` says which tensor each port holds before it, ``ports``
    which of them it adapts here: one that adapts them one by one is run apart for what does not change in training."""

    adapter: Adapter
    key: str
    bound: dict[str, str]
    ports: tuple[str, ...]
    frozen: bool = False

    @property
    def name(self) -> str:
        return f"adapter {self.key.partition('(')[0]!r}"

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(self.bound[port] for port in self.ports)

    @property
    def told_by(self) -> tuple[str, ...]:
        return tuple(self.bound.values())

    @property
    def writes(self) -> tuple[str, ...]:
        return tuple(named(self.key, port) for port in self.ports)

    def compute(self, tensors: Tensors) -> dict[str, Tensor]:
        return self._named(self.adapter({port: tensors[self.bound[port]] for port in self.ports}))

    def describe(self, signals: Signals) -> dict[str, Signal]:
        return self._named(self.adapter.describe({port: signals[name] for port, name in self.bound.items()}))

    def _named(self, made: Mapping[str, T]) -> dict[str, T]:
        return {named(self.key, port): value for port, value in made.items() if port in self.ports}


def named(key: str, port: str) -> str:
    """What a port's tensor is called after an adaptation."""
    return f"{key}[{port}]"


Call = Forward | Adaptation


class Graph:
    """The computations of one stage in order, and which tensor every port of every term reads.

    ``bindings`` maps a term's label to port -> tensor name, after the term's adapters. ``fixed`` are the tensors that
    depend on the image alone, whatever is trained: ``low``, what frozen models make of it, and what adapters without
    parameters make of that. ``fixed_ports`` are those ports of each term that carry no gradient.
    """

    def __init__(self, phase: Phase, models: ModelSet):
        self.calls: list[Call] = [
            Forward(
                owner,
                models.network(owner),
                features_of(owner, phase.terms),
                frozen=models.role(owner) == "teacher",
                dtype=models.student_dtype if owner == TRAINED else None,
            )
            for owner in owners_of(phase.terms)
        ]
        self.fixed = {"low", *(name for call in self.calls if call.frozen for name in call.writes)}
        self.bindings: dict[str, dict[str, str]] = {}
        adapted: set[str] = set()
        for term in phase.terms:
            self.bindings[term.label] = self._adapt(term, adapted)
        self.fixed_ports = {
            term.label: tuple(port for port, declared in term.loss.ports.items() if not declared.grad)
            for term in phase.terms
        }
        self._read: dict[tuple[tuple[str, ...], tuple[str, ...]], frozenset[str]] = {}
        self._live: dict[tuple[frozenset[str], frozenset[str]], list[Call]] = {}

    def _adapt(self, term: Term, adapted: set[str]) -> dict[str, str]:
        """Chain a term's adapters; an equal chain on equal tensors is shared between terms."""
        bound = dict(term.on)
        for adapter, name in zip(term.adapters, term.adapter_names, strict=True):
            key = f"{name}({', '.join(f'{port}={tensor}' for port, tensor in bound.items())})"
            if key not in adapted:
                adapted.add(key)
                self.calls += self._adaptations(adapter, key, bound)
            bound = {port: named(key, port) for port in bound}
        return bound

    def _adaptations(self, adapter: Adapter, key: str, bound: dict[str, str]) -> Iterator[Adaptation]:
        """One for all ports; or one for the fixed ones and one for the rest, where an adapter adapts them apart."""
        pure = not [*adapter.parameters(), *adapter.buffers()]
        fixed = tuple(port for port, tensor in bound.items() if pure and tensor in self.fixed)
        moving = tuple(port for port in bound if port not in fixed)
        if moving and not adapter.apart:
            fixed, moving = (), tuple(bound)
        for ports in filter(None, (fixed, moving)):
            made = Adaptation(adapter, key, bound, ports, ports == fixed)
            if made.frozen:
                self.fixed.update(made.writes)
            yield made

    def forwards(self) -> list[Forward]:
        """The models that run in a step."""
        return [call for call in self.calls if isinstance(call, Forward)]

    def read_by(self, labels: Iterable[str], prepared: Collection[str] = ()) -> frozenset[str]:
        """The tensors that these terms read; for one that is prepared, those of the ports that carry gradient."""
        key = tuple(labels), tuple(prepared)
        if key not in self._read:
            self._read[key] = frozenset(
                name
                for label in key[0]
                for port, name in self.bindings[label].items()
                if label not in key[1] or port not in self.fixed_ports[label]
            )
        return self._read[key]

    def live(self, wanted: frozenset[str], given: frozenset[str] = frozenset()) -> list[Call]:
        """The calls that make these tensors of those that are given, in order."""
        if (wanted, given) not in self._live:
            needed, kept = set(wanted - given), []
            for call in reversed(self.calls):
                if needed.intersection(call.writes):
                    kept.append(call)
                    needed.update(name for name in call.reads if name not in given)
            self._live[wanted, given] = kept[::-1]
        return self._live[wanted, given]

    def compute(self, inputs: Tensors, wanted: frozenset[str]) -> dict[str, Tensor]:
        """These tensors, and whatever else is made on the way, from what is given."""
        tensors = dict(inputs)
        for call in self.live(wanted, frozenset(inputs)):
            tensors.update(call.compute(tensors))
        return tensors

    def adapt(self, tensors: Tensors, labels: Iterable[str]) -> dict[str, Tensor]:
        """The same from what the models have made: only the adapters run, on what is not fixed."""
        adapted = dict(tensors)
        for call in self.live(self.read_by(labels), frozenset(self.fixed.intersection(tensors))):
            if isinstance(call, Adaptation):
                adapted.update(call.compute(adapted))
        return adapted


def trace(call: Call, tensors: dict[str, Tensor], signals: dict[str, Signal]) -> None:
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
        outside = out_of_range(value, signals[name].range)
        if outside:
            raise ValueError(f"{name} {outside}")
    tensors.update(made)
