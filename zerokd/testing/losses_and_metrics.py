"""Rules for losses and metrics: one finite, bounded value per image, from that image alone, on its device."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zerokd.testing.check import CheckError, Subject, require, rule
from zerokd.testing.inputs import input_side, make_port_tensors

COMPILE_BACKEND = "aot_eager_default_partitioner"  # traces both passes; the usual partitioner imports a compiler
WIDE_DTYPES = (torch.float32, torch.float64)
COMPARISON_TOLERANCE = 1e-9  # relative and absolute, in float64: another order of summation changes this much
FLOAT32_TOLERANCE = 1e-5  # the same, of values that are float32 though the images are float64


def require_close(actual: Tensor, expected: Tensor, message: str, tolerance: float = COMPARISON_TOLERANCE) -> None:
    """Require tensors that are equal up to rounding."""
    if not torch.allclose(actual, expected, rtol=tolerance, atol=tolerance, equal_nan=True):
        raise CheckError(f"{message}: {format_tensor(actual)} against {format_tensor(expected)}")


def require_same_values(actual: Tensor, expected: Tensor, message: str) -> None:
    """Require values of the same float64 images, equal up to the rounding of the type that they were computed in."""
    require_close(
        actual, expected, message, FLOAT32_TOLERANCE if actual.dtype == torch.float32 else COMPARISON_TOLERANCE
    )


def format_tensor(values: Tensor) -> str:
    """Format the first numbers of a tensor."""
    shown = [f"{value:.6g}" for value in values.detach().flatten()[:4].tolist()]
    return f"[{', '.join(shown)}{', ...' if values.numel() > 4 else ''}]"


def compute_values(measure: Any, ports: Mapping[str, Tensor]) -> Tensor:
    """Evaluate a loss or metric, and require one value per image."""
    values = measure(**ports)
    count = len(next(iter(ports.values())))
    require(isinstance(values, Tensor), f"returned a {type(values).__name__}, not a tensor")
    require(values.shape == (count,), f"returned the shape {tuple(values.shape)} for {count} images, not ({count},)")
    return values


@rule()
def value_per_image(subject: Subject) -> None:
    """one value per image, shape (N,), float32 or wider"""
    for dtype in (torch.float32, torch.float64):
        for count in (1, 3):
            measure = subject.copy().to(dtype)
            result = compute_values(measure, make_port_tensors(measure, count, dtype=dtype)).dtype
            require(result in WIDE_DTYPES, f"returned {result} for inputs of {dtype}, not float32 or wider")


@rule()
def batch_order(subject: Subject) -> None:
    """a permuted batch gives the permuted values"""
    measure = subject.copy().double()
    ports = make_port_tensors(measure, dtype=torch.float64)
    values, order = compute_values(measure, ports), torch.tensor([2, 0, 1, 0])
    reordered = compute_values(measure, {name: tensor[order] for name, tensor in ports.items()})
    require_same_values(reordered, values[order], "a permuted batch with one image twice has other values")


@rule()
def batch_company(subject: Subject) -> None:
    """an image's value does not depend on the rest of its batch"""
    measure = subject.copy().double()
    ports = make_port_tensors(measure, dtype=torch.float64)
    alone = torch.cat(
        [compute_values(measure, {name: tensor[i : i + 1] for name, tensor in ports.items()}) for i in range(3)]
    )
    require_same_values(alone, compute_values(measure, ports), "images one by one have other values than as a batch")


@rule()
def sizes(subject: Subject) -> None:
    """any size from min_size() on, odd and oblong ones too"""
    measure = subject.copy()
    smallest = measure.min_size()
    for extra in ((0, 0), (0, 1), (1, 0), (3, 8), (17, 2)):
        size = (smallest + extra[0], smallest + extra[1])
        try:
            values = compute_values(measure, make_port_tensors(measure, 2, size))
        except CheckError:
            raise
        except Exception as error:
            raise CheckError(f"{type(error).__name__} on {size[0]}x{size[1]} pixels: {error}") from error
        require(torch.isfinite(values).all(), f"{format_tensor(values)} on {size[0]}x{size[1]} pixels")


@rule(lambda subject: any(port.channels is None for port in subject.component.ports.values()))
def channels(subject: Subject) -> None:
    """any number of channels, unless its ports declare one"""
    measure = subject.copy()
    for count in (1, 2, 5):
        try:
            compute_values(measure, make_port_tensors(measure, channels=count))
        except CheckError:
            raise
        except Exception as error:
            text = (
                f"{type(error).__name__} on {count} channels: {error}; declare Port(channels=...) if it needs a number"
            )
            raise CheckError(text) from error


@rule()
def scale(subject: Subject) -> None:
    """the value is a mean, not a sum: tiling the pixels or repeating the channels keeps its magnitude"""
    measure = subject.copy()
    ports = make_port_tensors(measure, 1, (4 * input_side(measure), 4 * input_side(measure)))
    values = compute_values(measure, ports)
    tiled = compute_values(measure, {name: tensor.repeat(1, 1, 3, 3) for name, tensor in ports.items()})
    require_similar_magnitude(values, tiled, "pixels")
    if all(port.channels is None for port in measure.ports.values()):
        require_similar_magnitude(
            values,
            compute_values(measure, {name: tensor.repeat(1, 3, 1, 1) for name, tensor in ports.items()}),
            "channels",
        )


def require_similar_magnitude(original: Tensor, enlarged: Tensor, axis: str) -> None:
    """Require values within a factor of 2: borders and seams may matter, sizes may not."""
    similar = (original - enlarged).abs() <= 0.5 * torch.maximum(original.abs(), enlarged.abs())
    require(
        similar.all(),
        f"repeated {axis} change {format_tensor(original)} to {format_tensor(enlarged)}: take a mean, not a sum",
    )


@rule()
def inputs_unchanged(subject: Subject) -> None:
    """it does not modify its input tensors"""
    measure = subject.copy()
    ports = make_port_tensors(measure)
    before = {name: tensor.clone() for name, tensor in ports.items()}
    versions = {name: tensor._version for name, tensor in ports.items()}
    compute_values(measure, ports)
    for name, tensor in ports.items():
        untouched = torch.equal(tensor, before[name]) and tensor._version == versions[name]
        require(untouched, f"it writes to port {name!r}")


@rule()
def no_host_sync(subject: Subject) -> None:
    """no host synchronisation: no .item(), .tolist(), numpy, or `if tensor`"""
    measure = subject.copy()
    ports = make_port_tensors(measure)
    try:
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            measure(**{name: mode.from_tensor(tensor) for name, tensor in ports.items()})
    except Exception as error:
        first = str(error).strip().splitlines()[:1]
        raise CheckError(f"{type(error).__name__} where tensors have no values: {''.join(first)[:200]}") from error


@rule()
def moves(subject: Subject) -> None:
    """.to() moves all its tensors, and it creates new ones on the inputs' device"""
    measure = subject.copy()
    ports = make_port_tensors(measure)
    try:
        values = measure.to("meta")(**{name: tensor.to("meta") for name, tensor in ports.items()})
    except Exception as error:
        text = f"after .to(device), inputs there: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
        raise CheckError(f"{text} (keep tensors in buffers, create new ones like an input)") from error
    require(values.device.type == "meta", f"the value is on {values.device}, the inputs are not")


@rule()
def autocast(subject: Subject) -> None:
    """finite under autocast to bfloat16 and float16, and still float32 or wider"""
    measure = subject.copy()
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", dtype), warnings.catch_warnings(action="ignore"):
            values = compute_values(measure, make_port_tensors(measure))
        require(torch.isfinite(values).all(), f"{format_tensor(values)} under autocast to {dtype}")
        require(values.dtype in WIDE_DTYPES, f"{values.dtype} under autocast to {dtype}")


@rule()
def state_round_trip(subject: Subject) -> None:
    """its state survives a round trip through safetensors"""
    first, second = subject.build(), subject.build()
    state = {name: tensor.contiguous() for name, tensor in first.state_dict().items()}
    try:
        second.load_state_dict(safetensors.torch.load(safetensors.torch.save(state)))
    except Exception as error:
        raise CheckError(f"{type(error).__name__}: {str(error).splitlines()[0][:200]}") from error
    ports = make_port_tensors(first)
    require_close(compute_values(first, ports), compute_values(second, ports), "other values after a round trip", 0.0)


RULES = (
    value_per_image,
    batch_order,
    batch_company,
    sizes,
    channels,
    scale,
    inputs_unchanged,
    no_host_sync,
    moves,
    autocast,
    state_round_trip,
)
