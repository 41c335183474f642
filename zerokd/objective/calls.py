"""The computations that an objective is made of: the run of a model, of a view and of an adapter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeVar

import torch
from attrs import Factory, field, frozen
from torch import Tensor, nn
from torch.func import functional_call

from zerokd.errors import Problem, RecipeError, did_you_mean
from zerokd.objective.autocast import run_autocast
from zerokd.objective.models import STUDENT, ModelSet, Role, declared_outputs, name_outputs
from zerokd.objective.signal_calls import ParameterVector, ViewCall
from zerokd.objective.signal_name import FEATURES, LOW, PARAMETERS, SignalName
from zerokd.objective.term import SignalReader, signal_names
from zerokd.plugin.contracts import Adapter
from zerokd.plugin.ports import Signal

T = TypeVar("T")
Tensors = Mapping[str, Tensor]


@frozen(eq=False)
class ForwardPass:
    """One run of a model on the signal ``reads``: its outputs and tapped features, whose names start with ``key``.

    Only the student's pass ``trains``; every other model runs in eval mode, and records gradient only where
    ``passes_gradient``, to what it runs on: none reaches its own parameters. ``is_fixed`` says that its outputs depend
    on the image alone, whatever is trained.

    A tapped feature is the output of its layer; it is copied where a later in-place activation would change it
    (``copied_layers``). ``outputs`` names the outputs that the ``readers`` read, for a plain module that declares none.
    """

    owner: str
    network: nn.Module
    layers: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    readers: tuple[SignalReader, ...] = ()
    key: str = field(default=Factory(lambda self: self.owner, takes_self=True))
    reads: tuple[str, ...] = (LOW,)
    role: Role = Role.TEACHER
    passes_gradient: bool = False
    is_fixed: bool = False
    per_image: bool = False
    dtype: torch.dtype | None = None  # of its layers, where that is not float32
    copied_layers: set[str] = field(factory=set)

    @property
    def described_by(self) -> tuple[str, ...]:
        """The signals that :meth:`describe` needs."""
        return self.reads

    @property
    def name(self) -> str:
        return f"model {self.key!r}"

    @property
    def trains(self) -> bool:
        return self.role is Role.STUDENT

    @property
    def writes(self) -> tuple[str, ...]:
        declared = declared_outputs(self.network)
        outputs = self.outputs if declared is None else declared
        return (*(f"{self.key}.{output}" for output in outputs), *map(self._feature_name, self.layers))

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
            with torch.set_grad_enabled((self.trains or self.passes_gradient) and torch.is_grad_enabled()):
                outputs = run_autocast(self.network, low, self.dtype, tapped) if self.dtype else self._forward(low)
        finally:
            for hook in hooks:
                hook.remove()
        named = name_outputs(outputs, self.owner)
        if not named.keys() >= {*self.outputs}:
            raise RecipeError(*self._describe_absent_outputs(named))
        changed_layers = [layer for layer, output, version in versions if output._version != version]
        return {f"{self.key}.{name}": value for name, value in named.items()} | tapped, changed_layers

    def _forward(self, low: Tensor) -> object:
        if self.trains or not any(parameter.requires_grad for parameter in self.network.parameters()):
            return self.network(low)
        frozen = {name: parameter.detach() for name, parameter in self.network.named_parameters()}
        return functional_call(self.network, frozen, (low,))

    def _describe_absent_outputs(self, named: Collection[str]) -> Iterator[Problem]:
        """Each port that reads an output which the network does not return."""
        returned = ", ".join(named) or "no tensor"
        for reader in self.readers:
            for port, text in reader.bindings.items():
                name = SignalName.parse(text)
                if name.call == self.key and name.output and name.output not in named:
                    message = f"{reader.label}: port {port!r} reads {text!r}, and {self.name} returns {returned}"
                    place = reader.port_places.get(port, reader.place)
                    yield Problem(message, place, did_you_mean(name.output, named), code="unknown-signal")

    def _make_tap_hook(
        self, tapped: dict[str, Tensor], versions: list[tuple[str, Tensor, int]], layer: str
    ) -> Callable[..., None]:
        def hook(module: nn.Module, args: object, output: Tensor) -> None:
            feature = output.clone() if layer in self.copied_layers else output
            tapped[self._feature_name(layer)] = feature
            versions.append((layer, feature, feature._version))

        return hook

    def _feature_name(self, layer: str) -> str:
        return f"{self.key}.{FEATURES}.{layer}"

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        declared = declared_outputs(self.network) or {}
        return {f"{self.key}.{name}": signal for name, signal in declared.items()}


@frozen(eq=False)
class Adaptation:
    """One adapter on the tensors of a term's ports. ``bindings`` name the tensor of each port before it, ``ports`` are
    those that this run adapts: a per-port adapter runs separately for tensors that do not change in training."""

    adapter: Adapter
    key: str
    bindings: dict[str, str]
    ports: tuple[str, ...]
    is_fixed: bool = False

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


Call = ForwardPass | ViewCall | ParameterVector | Adaptation


def build_forward_pass(name: SignalName, readers: Collection[SignalReader], models: ModelSet) -> ForwardPass:
    """The run of a model that gives what these terms or metrics read of one call, ``name.call``."""
    owner, role = name.owner, models.get_role(name.owner)
    parts = [part for part in signal_names(readers) if part.is_of_model and part.call == name.call]
    return ForwardPass(
        owner,
        models.get_model(owner),
        tuple(part.layer for part in parts if part.layer),
        tuple(part.output for part in parts if part.output and part.output != PARAMETERS),
        tuple(readers),
        key=name.call,
        reads=(LOW if name.argument is None else name.argument.text,),
        role=role,
        dtype=models.student_dtype if owner == STUDENT else None,
    )
