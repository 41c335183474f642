"""What models, adapters and aggregators promise alike: pure, repeatable, finite, and at home on any device."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import safetensors.torch
import torch
from attrs import evolve, frozen
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from zerokd.plugin.ports import Signal
from zerokd.testing.check import CheckError, Rule, Subject, require, rule
from zerokd.testing.inputs import noise
from zerokd.testing.losses_and_metrics import format_tensor, require_close

NamedTensors = dict[str, Tensor]
CURVE_MAP = Signal(shape=(3, 8, 8), range=(-1.0, 1.0), iterations=4)
SIGNAL_PAIRS: dict[str, tuple[Signal, Signal]] = {  # what an adapter may be asked to make comparable
    "two curve maps": (CURVE_MAP, evolve(CURVE_MAP, iterations=8)),
    "two alike": (Signal((4, 8, 8)), Signal((4, 8, 8))),
    "other channels": (Signal((4, 8, 8)), Signal((6, 8, 8))),
    "another size": (Signal((4, 8, 7)), Signal((4, 16, 13))),
    "both": (Signal((4, 9, 8)), Signal((6, 5, 16))),
    "images": (Signal((3, 8, 8), (0.0, 1.0)), Signal((3, 8, 8), (0.0, 1.0))),
}


@frozen(eq=False)
class ModuleCase:
    """A component and inputs for it; ``call`` gives its outputs by name."""

    module: nn.Module
    inputs: NamedTensors
    run_module: Callable[[nn.Module, Mapping[str, Tensor]], Mapping[str, Tensor]]

    def run(self) -> NamedTensors:
        """What it makes of the inputs."""
        found = self.run_module(self.module, self.inputs)
        require(isinstance(found, Mapping), f"returned a {type(found).__name__}, not a dict")
        return dict(found)


def build_seeded(subject: Subject) -> Any:
    """An instance whose first weights are drawn as a run does, from a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return subject.build()


def accepted_pairs(subject: Subject) -> dict[str, tuple[Any, dict[str, Signal], dict[str, Signal]]]:
    """By name of the pair: an adapter that took it, what it was given, and what it says it will return.

    Raises:
        CheckError: it takes none, or refuses one with another error than ``ValueError``.
    """
    found = {}
    for name, (first, second) in SIGNAL_PAIRS.items():
        given, adapter = {"prediction": first, "target": second}, build_seeded(subject)
        try:
            found[name] = adapter, given, dict(adapter.describe(given))
        except ValueError as error:
            require(str(error), f"it refuses {name} without a word: raise ValueError with the remedy")
        except Exception as error:
            raise CheckError(f"describe() raises {type(error).__name__} for {name}, not ValueError: {error}") from error
    require(found, f"it refuses all of: {', '.join(SIGNAL_PAIRS)}")
    return found


def tensors_from_signals(
    signals: Mapping[str, Signal], count: int = 3, dtype: torch.dtype = torch.float32
) -> NamedTensors:
    """Tensors as signals describe them."""
    tensors = {}
    for seed, (name, signal) in enumerate(signals.items()):
        low, high = signal.range or (-1.0, 1.0)
        tensors[name] = (low + (high - low) * noise((count, *signal.shape), seed)).to(dtype)
    return tensors


def make_module_case(subject: Subject, count: int = 3, dtype: torch.dtype = torch.float32) -> ModuleCase:
    """A component of any of these kinds with inputs of noise."""
    kind = subject.entry.spec.kind
    if kind == "adapters":
        adapter, given, _ = next(iter(accepted_pairs(subject).values()))
        return ModuleCase(
            adapter.to(dtype), tensors_from_signals(given, count, dtype), lambda module, inputs: module(dict(inputs))
        )
    if kind == "aggregators":
        rows = (noise((4, 50)) - 0.5).to(dtype)
        return ModuleCase(
            build_seeded(subject).to(dtype), {"gradients": rows}, lambda module, inputs: {"": module(**inputs)}
        )
    low = noise((count, 3, 12, 10)).to(dtype)
    return ModuleCase(build_seeded(subject).to(dtype), {"low": low}, lambda module, inputs: module(inputs["low"]))


@rule()
def inputs_unchanged(subject: Subject) -> None:
    """the tensors that it is given stay as they are"""
    one = make_module_case(subject)
    before, versions = {n: t.clone() for n, t in one.inputs.items()}, {n: t._version for n, t in one.inputs.items()}
    one.run()
    for name, tensor in one.inputs.items():
        untouched = torch.equal(tensor, before[name]) and tensor._version == versions[name]
        require(untouched, f"{name!r} was written to")


@rule()
def deterministic(subject: Subject) -> None:
    """the same again, of a second instance from the same seed, and no random number is drawn"""
    one = make_module_case(subject)
    before = torch.random.get_rng_state()
    found = one.run()
    require(torch.equal(before, torch.random.get_rng_state()), "it draws from the global random generator")
    for told, other in (("asked again", one), ("of a second instance", make_module_case(subject))):
        for name, tensor in other.run().items():
            require_close(tensor, found[name], f"other {name or 'values'} {told}", 0.0)


@rule()
def no_host_sync(subject: Subject) -> None:
    """nothing waits for a value: no .item(), .tolist(), numpy, or `if tensor`"""
    one = make_module_case(subject)
    try:
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            one.run_module(one.module, {name: mode.from_tensor(tensor) for name, tensor in one.inputs.items()})
    except Exception as error:
        first = "".join(str(error).strip().splitlines()[:1])[:200]
        raise CheckError(f"{type(error).__name__} where tensors have no values: {first}") from error


@rule()
def moves(subject: Subject) -> None:
    """.to() moves all that it computes with, and new tensors are made where the inputs are"""
    one = make_module_case(subject)
    inputs = {name: tensor.to("meta") for name, tensor in one.inputs.items()}
    try:
        found = one.run_module(one.module.to("meta"), inputs)
    except Exception as error:
        text = f"after .to(device), inputs there: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
        raise CheckError(f"{text} (keep tensors in buffers, make new ones like an input)") from error
    away = [name for name, tensor in found.items() if tensor.device.type != "meta"]
    require(not away, f"{away[:1]} is not where the inputs are")


@rule()
def state_round_trip(subject: Subject) -> None:
    """its state goes through a safetensors file and gives the same outputs"""
    first, second = make_module_case(subject), make_module_case(subject)
    state = {name: tensor.contiguous() for name, tensor in first.module.state_dict().items()}
    shaken = {name: tensor * 0.5 if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    first.module.load_state_dict(shaken)
    try:
        second.module.load_state_dict(safetensors.torch.load(safetensors.torch.save(shaken)))
    except Exception as error:
        raise CheckError(f"{type(error).__name__}: {str(error).splitlines()[0][:200]}") from error
    found = second.run()
    for name, tensor in first.run().items():
        require_close(tensor, found[name], f"another {name or 'result'} after a round trip", 0.0)


@rule()
def autocast(subject: Subject) -> None:
    """finite under autocast to bfloat16 and float16"""
    for dtype in (torch.bfloat16, torch.float16):
        one = make_module_case(subject)
        with torch.autocast("cpu", dtype), warnings.catch_warnings(action="ignore"):
            found = one.run()
        for name, tensor in found.items():
            require(torch.isfinite(tensor).all(), f"{name or 'the result'} is {format_tensor(tensor)} under {dtype}")


@rule()
def compiles(subject: Subject) -> None:
    """torch.compile takes it whole (fullgraph) and gives the same"""
    one = make_module_case(subject)
    plain = one.run()
    torch.compiler.reset()
    try:
        compiled: Any = torch.compile(one.module, fullgraph=True, backend="aot_eager", dynamic=False)
        found = one.run_module(compiled, one.inputs)
    except Exception as error:
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        raise CheckError(f"{type(error).__name__}: {lines[0][:200] if lines else ''}") from error
    finally:
        torch.compiler.reset()
    for name, tensor in plain.items():
        require_close(found[name], tensor, f"another {name or 'result'} when compiled", 1e-4)


RULES: tuple[Rule, ...] = (inputs_unchanged, deterministic, no_host_sync, moves, state_round_trip, autocast, compiles)
