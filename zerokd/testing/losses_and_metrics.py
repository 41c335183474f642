"""Rules for losses and metrics: one finite, bounded value per image, from that image alone, on its device."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import safetensors.torch
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zerokd.testing.check import CheckError, Subject, require, rule
from zerokd.testing.inputs import input_side, make_port_tensors
from zerokd.testing.scenes import EXTREME_IMAGES

COMPARISON_TOLERANCE = 1e-9  # relative and absolute, in float64: another order of summation changes this much
BOUNDS_TOLERANCE = 1e-5  # float32 rounding may pass a bound by this


def require_close(actual: Tensor, expected: Tensor, message: str, tolerance: float = COMPARISON_TOLERANCE) -> None:
    """Require tensors that are equal up to rounding."""
    if not torch.allclose(actual, expected, rtol=tolerance, atol=tolerance, equal_nan=True):
        raise CheckError(f"{message}: {format_tensor(actual)} against {format_tensor(expected)}")


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
            measure = subject.build().to(dtype)
            result = compute_values(measure, make_port_tensors(measure, count, dtype=dtype)).dtype
            require(result == dtype, f"returned {result} for inputs of {dtype}")


@rule()
def batch_order(subject: Subject) -> None:
    """a permuted batch gives the permuted values"""
    measure = subject.build().double()
    ports = make_port_tensors(measure, dtype=torch.float64)
    values, order = compute_values(measure, ports), torch.tensor([2, 0, 1, 0])
    reordered = compute_values(measure, {name: tensor[order] for name, tensor in ports.items()})
    require_close(reordered, values[order], "a permuted batch with one image twice has other values")


@rule()
def batch_company(subject: Subject) -> None:
    """an image's value does not depend on the rest of its batch"""
    measure = subject.build().double()
    ports = make_port_tensors(measure, dtype=torch.float64)
    alone = torch.cat(
        [compute_values(measure, {name: tensor[i : i + 1] for name, tensor in ports.items()}) for i in range(3)]
    )
    require_close(alone, compute_values(measure, ports), "images one by one have other values than as a batch")


@rule()
def finite_values(subject: Subject) -> None:
    """finite on black, white, grey and other extreme images"""
    measure = subject.build()
    for name, ports in extreme_inputs(measure):
        values = compute_values(measure, ports)
        require(torch.isfinite(values).all(), f"{format_tensor(values)} on {name}")


def extreme_inputs(measure: Any) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield extreme images in all ports, and in the first port alone with noise in the others."""
    usual, first = make_port_tensors(measure), next(iter(measure.ports))
    for name, make in EXTREME_IMAGES.items():
        extreme = make_port_tensors(measure, transform=make, share_image=True)
        yield name, extreme
        yield f"{name} ({first} alone)", usual | {first: extreme[first]}


@rule()
def sizes(subject: Subject) -> None:
    """any size from min_size() on, odd and oblong ones too"""
    measure = subject.build()
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
    measure = subject.build()
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
    measure = subject.build().double()
    small = (4 * input_side(measure), 4 * input_side(measure))
    ports = make_port_tensors(measure, 2, small, torch.float64)
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
def bounds(subject: Subject) -> None:
    """values lie in the declared bounds"""
    measure = subject.build()
    lower, upper = measure.bounds
    require(lower < upper, f"the bounds {measure.bounds} are not an interval")
    usual = make_port_tensors(measure)
    for name, ports in [("noise", usual), ("black and white noise", make_port_tensors(measure, transform=torch.round))]:
        require_within_bounds(compute_values(measure, ports), lower, upper, name)
    for name, ports in extreme_inputs(measure):
        require_within_bounds(compute_values(measure, ports), lower, upper, name)


def require_within_bounds(values: Tensor, lower: float, upper: float, scene: str) -> None:
    """Require values in an interval."""
    slack = BOUNDS_TOLERANCE * max(1.0, *(abs(edge) for edge in (lower, upper) if abs(edge) < float("inf")), 0.0)
    require(
        (values >= lower - slack).all() and (values <= upper + slack).all(),
        f"{format_tensor(values)} on {scene} is not in [{lower:g}, {upper:g}]",
    )


@rule()
def inputs_unchanged(subject: Subject) -> None:
    """it does not modify its input tensors"""
    measure = subject.build()
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
    measure = subject.build()
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
    measure = subject.build()
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
    measure = subject.build()
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", dtype), warnings.catch_warnings(action="ignore"):
            values = compute_values(measure, make_port_tensors(measure))
        require(torch.isfinite(values).all(), f"{format_tensor(values)} under autocast to {dtype}")
        require(values.dtype in (torch.float32, torch.float64), f"{values.dtype} under autocast to {dtype}")


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
    finite_values,
    sizes,
    channels,
    scale,
    bounds,
    inputs_unchanged,
    no_host_sync,
    moves,
    autocast,
    state_round_trip,
)
