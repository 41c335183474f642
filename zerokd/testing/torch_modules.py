"""Rules that models, critics, adapters and aggregators share: deterministic, finite, and independent of the device."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import safetensors.torch
import torch
from attrs import evolve, frozen
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from zerokd.plugin.clock import Clock
from zerokd.plugin.contracts import TermValues
from zerokd.plugin.ports import Signal
from zerokd.testing.check import CheckError, Rule, Subject, require, rule
from zerokd.testing.inputs import noise
from zerokd.testing.losses_and_metrics import COMPILE_BACKEND, format_tensor, require_close

NamedTensors = dict[str, Tensor]
AGGREGATOR_STEPS = 6
AGGREGATOR_CLOCK = Clock(steps=AGGREGATOR_STEPS, steps_per_epoch=2)
CURVE_MAP = Signal(shape=(3, 8, 8), range=(-1.0, 1.0), iterations=4)
SIGNAL_PAIRS: dict[str, tuple[Signal, Signal]] = {  # inputs for adapters
    "two curve maps": (CURVE_MAP, evolve(CURVE_MAP, iterations=8)),
    "two alike": (Signal((4, 8, 8)), Signal((4, 8, 8))),
    "other channels": (Signal((4, 8, 8)), Signal((6, 8, 8))),
    "another size": (Signal((4, 8, 7)), Signal((4, 16, 13))),
    "both": (Signal((4, 9, 8)), Signal((6, 5, 16))),
    "images": (Signal((3, 8, 8), (0.0, 1.0)), Signal((3, 8, 8), (0.0, 1.0))),
}


@frozen(eq=False)
class ModuleCase:
    """A component and its inputs; ``run_module`` returns the outputs by name."""

    module: nn.Module
    inputs: NamedTensors
    run_module: Callable[[nn.Module, Mapping[str, Tensor]], Mapping[str, Tensor]]

    def run(self) -> NamedTensors:
        """Run the component on its inputs."""
        outputs = self.run_module(self.module, self.inputs)
        require(isinstance(outputs, Mapping), f"returned a {type(outputs).__name__}, not a dict")
        return dict(outputs)


def build_seeded(subject: Subject) -> Any:
    """Build an instance with initial weights from a seed, as a run does."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return subject.build()


def start_aggregator(subject: Subject, term_count: int) -> Any:
    """Build an aggregator and start it with the labels of a stage of so many terms, and epochs of two steps."""
    aggregator = build_seeded(subject)
    aggregator.start([f"terms.term_{index}" for index in range(term_count)], AGGREGATOR_CLOCK)
    return aggregator


def make_term_values(gradients: Tensor, step: int = 0, positions: Sequence[int] | None = None) -> TermValues:
    """Build what an aggregator may read beside the gradients (T, P), by default of the first T terms: values in
    [0.1, 1.1), another draw at each step."""
    positions = range(len(gradients)) if positions is None else positions
    values = (noise((len(gradients),), step) + 0.1).to(gradients.dtype)
    labels = tuple(f"terms.term_{index}" for index in positions)
    weights = torch.ones_like(values)
    return TermValues(labels, torch.tensor([*positions]), values, weights, step, AGGREGATOR_CLOCK)


def combine_gradients(aggregator: Any, gradients: Tensor, terms: TermValues | None = None) -> Tensor:
    """Call an aggregator as a stage does, by default on the values of the first step."""
    if not aggregator.reads_terms:
        combined: Tensor = aggregator(gradients)
    else:
        combined = aggregator(gradients, terms or make_term_values(gradients))
    return combined


def _aggregate_steps(aggregator: Any, gradients: Tensor) -> NamedTensors:
    """The outputs of a copy, whose state changes: a case may run again."""
    copied = copy.deepcopy(aggregator)
    steps = range(AGGREGATOR_STEPS if aggregator.reads_terms else 1)
    return {
        f"gradient of step {step}": combine_gradients(copied, gradients, make_term_values(gradients, step))
        for step in steps
    }


def accepted_pairs(subject: Subject) -> dict[str, tuple[Any, dict[str, Signal], dict[str, Signal]]]:
    """Return for each accepted pair of signals: the adapter, the signals, and what describe() returns for them.

    Raises:
        CheckError: it accepts none, or refuses one with another error than ``ValueError``.
    """
    accepted = {}
    for name, (first, second) in SIGNAL_PAIRS.items():
        signals, adapter = {"prediction": first, "target": second}, build_seeded(subject)
        try:
            accepted[name] = adapter, signals, dict(adapter.describe(signals))
        except ValueError as error:
            require(str(error), f"it refuses {name} without a message: raise ValueError with the remedy")
        except Exception as error:
            raise CheckError(f"describe() raises {type(error).__name__} for {name}, not ValueError: {error}") from error
    require(accepted, f"it refuses all of: {', '.join(SIGNAL_PAIRS)}")
    return accepted


def tensors_from_signals(
    signals: Mapping[str, Signal], count: int = 3, dtype: torch.dtype = torch.float32
) -> NamedTensors:
    """Build tensors that match their signals."""
    tensors = {}
    for seed, (name, signal) in enumerate(signals.items()):
        low, high = signal.range or (-1.0, 1.0)
        tensors[name] = (low + (high - low) * noise((count, *signal.shape), seed)).to(dtype)
    return tensors


def make_module_case(subject: Subject, count: int = 3, dtype: torch.dtype = torch.float32) -> ModuleCase:
    """Build a model, adapter or aggregator with inputs of noise."""
    kind = subject.entry.spec.kind
    if kind == "adapters":
        adapter, signals, _ = next(iter(accepted_pairs(subject).values()))
        return ModuleCase(
            adapter.to(dtype), tensors_from_signals(signals, count, dtype), lambda module, inputs: module(dict(inputs))
        )
    if kind == "aggregators":
        rows = (noise((4, 50)) - 0.5).to(dtype)
        aggregator = start_aggregator(subject, len(rows)).to(dtype)
        return ModuleCase(aggregator, {"gradients": rows}, lambda module, inputs: _aggregate_steps(module, **inputs))
    if kind == "critics":
        images = noise((count, 3, 64, 72)).to(dtype)
        critic = build_seeded(subject).to(dtype).eval()  # spectral normalisation draws closer in training
        return ModuleCase(critic, {"image": images}, lambda module, inputs: {"score": module(inputs["image"])})
    low = noise((count, 3, 12, 10)).to(dtype)
    return ModuleCase(build_seeded(subject).to(dtype), {"low": low}, lambda module, inputs: module(inputs["low"]))


@rule()
def inputs_unchanged(subject: Subject) -> None:
    """it does not modify its input tensors"""
    case = make_module_case(subject)
    before, versions = {n: t.clone() for n, t in case.inputs.items()}, {n: t._version for n, t in case.inputs.items()}
    case.run()
    for name, tensor in case.inputs.items():
        untouched = torch.equal(tensor, before[name]) and tensor._version == versions[name]
        require(untouched, f"it writes to {name!r}")


@rule()
def deterministic(subject: Subject) -> None:
    """outputs are reproducible, also in a second instance of the same seed; it draws no random number"""
    case = make_module_case(subject)
    before = torch.random.get_rng_state()
    outputs = case.run()
    require(torch.equal(before, torch.random.get_rng_state()), "it draws from the global random generator")
    for which, other in (("when repeated", case), ("in a second instance", make_module_case(subject))):
        for name, tensor in other.run().items():
            require_close(tensor, outputs[name], f"other {name or 'values'} {which}", 0.0)


@rule()
def no_host_sync(subject: Subject) -> None:
    """no host synchronisation: no .item(), .tolist(), numpy, or `if tensor`"""
    case = make_module_case(subject)
    try:
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            case.run_module(case.module, {name: mode.from_tensor(tensor) for name, tensor in case.inputs.items()})
    except Exception as error:
        first = "".join(str(error).strip().splitlines()[:1])[:200]
        raise CheckError(f"{type(error).__name__} where tensors have no values: {first}") from error


@rule()
def moves(subject: Subject) -> None:
    """.to() moves all its tensors, and it creates new ones on the inputs' device"""
    case = make_module_case(subject)
    inputs = {name: tensor.to("meta") for name, tensor in case.inputs.items()}
    try:
        outputs = case.run_module(case.module.to("meta"), inputs)
    except Exception as error:
        text = f"after .to(device), inputs there: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
        raise CheckError(f"{text} (keep tensors in buffers, create new ones like an input)") from error
    away = [name for name, tensor in outputs.items() if tensor.device.type != "meta"]
    require(not away, f"{away[:1]} is not on the inputs' device")


@rule()
def state_round_trip(subject: Subject) -> None:
    """its state survives a round trip through safetensors"""
    first, second = make_module_case(subject), make_module_case(subject)
    state = {name: tensor.contiguous() for name, tensor in first.module.state_dict().items()}
    scaled = {name: tensor * 0.5 if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    first.module.load_state_dict(scaled)
    try:
        second.module.load_state_dict(safetensors.torch.load(safetensors.torch.save(scaled)))
    except Exception as error:
        raise CheckError(f"{type(error).__name__}: {str(error).splitlines()[0][:200]}") from error
    loaded = second.run()
    for name, tensor in first.run().items():
        require_close(tensor, loaded[name], f"another {name or 'result'} after a round trip", 0.0)


@rule()
def autocast(subject: Subject) -> None:
    """finite under autocast to bfloat16 and float16"""
    for dtype in (torch.bfloat16, torch.float16):
        case = make_module_case(subject)
        with torch.autocast("cpu", dtype), warnings.catch_warnings(action="ignore"):
            outputs = case.run()
        for name, tensor in outputs.items():
            require(torch.isfinite(tensor).all(), f"{name or 'the result'} is {format_tensor(tensor)} under {dtype}")


@rule()
def compiles(subject: Subject) -> None:
    """torch.compile(fullgraph=True) gives the same outputs"""
    case = make_module_case(subject)
    eager = case.run()
    torch.compiler.reset()
    try:
        compiled: Any = torch.compile(case.module, fullgraph=True, backend=COMPILE_BACKEND, dynamic=False)
        compiled_outputs = case.run_module(compiled, case.inputs)
    except Exception as error:
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        raise CheckError(f"{type(error).__name__}: {lines[0][:200] if lines else ''}") from error
    finally:
        torch.compiler.reset()
    for name, tensor in eager.items():
        require_close(compiled_outputs[name], tensor, f"another {name or 'result'} when compiled", 1e-4)


RULES: tuple[Rule, ...] = (inputs_unchanged, deterministic, no_host_sync, moves, state_round_trip, autocast, compiles)
