"""What losses and metrics promise: a value per image, from that image alone, finite, bounded, where its inputs are."""

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

COMPARISON_TOLERANCE = 1e-9  # relative and absolute, in float64: what another order of summation may change
BOUNDS_TOLERANCE = 1e-5  # by which rounding in float32 may pass a bound


def require_close(actual: Tensor, expected: Tensor, message: str, tolerance: float = COMPARISON_TOLERANCE) -> None:
    """Require equal tensors, but for rounding."""
    if not torch.allclose(actual, expected, rtol=tolerance, atol=tolerance, equal_nan=True):
        raise CheckError(f"{message}: {format_tensor(actual)} against {format_tensor(expected)}")


def format_tensor(values: Tensor) -> str:
    """A few numbers of a tensor."""
    shown = [f"{value:.6g}" for value in values.detach().flatten()[:4].tolist()]
    return f"[{', '.join(shown)}{', ...' if values.numel() > 4 else ''}]"


def compute_values(measure: Any, ports: Mapping[str, Tensor]) -> Tensor:
    """What it gives, which must be one number for each image."""
    found = measure(**ports)
    count = len(next(iter(ports.values())))
    require(isinstance(found, Tensor), f"returned a {type(found).__name__}, not a tensor")
    require(found.shape == (count,), f"returned the shape {tuple(found.shape)} for {count} images, not ({count},)")
    return found


@rule()
def value_per_image(subject: Subject) -> None:
    """one value per image, shape (N,), float32 or wider"""
    for dtype in (torch.float32, torch.float64):
        for count in (1, 3):
            measure = subject.build().to(dtype)
            found = compute_values(measure, make_port_tensors(measure, count, dtype=dtype)).dtype
            require(found == dtype, f"returned {found} for inputs of {dtype}")


@rule()
def batch_order(subject: Subject) -> None:
    """an image's value moves with it, and is there twice where the image is"""
    measure = subject.build().double()
    ports = make_port_tensors(measure, dtype=torch.float64)
    found, order = compute_values(measure, ports), torch.tensor([2, 0, 1, 0])
    moved = compute_values(measure, {name: one[order] for name, one in ports.items()})
    require_close(moved, found[order], "the images in another order, one of them twice, have other values")


@rule()
def batch_company(subject: Subject) -> None:
    """an image's value does not depend on the others of its batch"""
    measure = subject.build().double()
    ports = make_port_tensors(measure, dtype=torch.float64)
    alone = torch.cat(
        [compute_values(measure, {name: one[i : i + 1] for name, one in ports.items()}) for i in range(3)]
    )
    require_close(alone, compute_values(measure, ports), "images one by one have other values than together")


@rule()
def finite_values(subject: Subject) -> None:
    """finite on black, white, grey and other extreme images"""
    measure = subject.build()
    for name, ports in extreme_inputs(measure):
        found = compute_values(measure, ports)
        require(torch.isfinite(found).all(), f"{format_tensor(found)} on {name}")


def extreme_inputs(measure: Any) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Extreme images in all ports, and in the first port alone beside noise."""
    usual, first = make_port_tensors(measure), next(iter(measure.ports))
    for name, make in EXTREME_IMAGES.items():
        extreme = make_port_tensors(measure, transform=make, share_image=True)
        yield name, extreme
        yield f"{name} ({first} alone)", usual | {first: extreme[first]}


@rule()
def sizes(subject: Subject) -> None:
    """any size from min_size() on, odd and oblong ones too"""
    measure = subject.build()
    least = measure.min_size()
    for more in ((0, 0), (0, 1), (1, 0), (3, 8), (17, 2)):
        size = (least + more[0], least + more[1])
        try:
            found = compute_values(measure, make_port_tensors(measure, 2, size))
        except CheckError:
            raise
        except Exception as error:
            raise CheckError(f"{type(error).__name__} on {size[0]}x{size[1]} pixels: {error}") from error
        require(torch.isfinite(found).all(), f"{format_tensor(found)} on {size[0]}x{size[1]} pixels")


@rule(lambda subject: any(port.channels is None for port in subject.component.ports.values()))
def channels(subject: Subject) -> None:
    """any number of channels, where a port does not say how many it takes"""
    measure = subject.build()
    for count in (1, 2, 5):
        try:
            compute_values(measure, make_port_tensors(measure, channels=count))
        except CheckError:
            raise
        except Exception as error:
            text = f"{type(error).__name__} on {count} channels: {error}; say Port(channels=...) if it needs a number"
            raise CheckError(text) from error


@rule()
def scale(subject: Subject) -> None:
    """the value is a mean, not a sum: nine times the pixels, or three times the channels, of the same keep its size"""
    measure = subject.build().double()
    small = (4 * input_side(measure), 4 * input_side(measure))
    ports = make_port_tensors(measure, 2, small, torch.float64)
    once = compute_values(measure, ports)
    tiled = compute_values(measure, {name: one.repeat(1, 1, 3, 3) for name, one in ports.items()})
    require_similar_magnitude(once, tiled, "pixels")
    if all(port.channels is None for port in measure.ports.values()):
        require_similar_magnitude(
            once, compute_values(measure, {name: one.repeat(1, 3, 1, 1) for name, one in ports.items()}), "channels"
        )


def require_similar_magnitude(original: Tensor, enlarged: Tensor, axis: str) -> None:
    """Require values that differ by less than a factor of 2: borders and seams may count, sizes may not."""
    apart = (original - enlarged).abs() <= 0.5 * torch.maximum(original.abs(), enlarged.abs())
    require(
        apart.all(),
        f"more {axis} of the same change {format_tensor(original)} to {format_tensor(enlarged)}: take a mean, not a sum",
    )


@rule()
def bounds(subject: Subject) -> None:
    """values lie in the declared bounds"""
    measure = subject.build()
    least, most = measure.bounds
    require(least < most, f"the bounds {measure.bounds} are no interval")
    usual = make_port_tensors(measure)
    for name, ports in [("noise", usual), ("black and white noise", make_port_tensors(measure, transform=torch.round))]:
        require_within_bounds(compute_values(measure, ports), least, most, name)
    for name, ports in extreme_inputs(measure):
        require_within_bounds(compute_values(measure, ports), least, most, name)


def require_within_bounds(values: Tensor, lower: float, upper: float, scene: str) -> None:
    """Require values in an interval."""
    slack = BOUNDS_TOLERANCE * max(1.0, *(abs(edge) for edge in (lower, upper) if abs(edge) < float("inf")), 0.0)
    require(
        (values >= lower - slack).all() and (values <= upper + slack).all(),
        f"{format_tensor(values)} on {scene} is not in [{lower:g}, {upper:g}]",
    )


@rule()
def inputs_unchanged(subject: Subject) -> None:
    """the tensors that it is given stay as they are"""
    measure = subject.build()
    ports = make_port_tensors(measure)
    before = {name: one.clone() for name, one in ports.items()}
    versions = {name: one._version for name, one in ports.items()}
    compute_values(measure, ports)
    for name, one in ports.items():
        untouched = torch.equal(one, before[name]) and one._version == versions[name]
        require(untouched, f"port {name!r} was written to")


@rule()
def no_host_sync(subject: Subject) -> None:
    """nothing waits for a value: no .item(), .tolist(), numpy, or `if tensor`"""
    measure = subject.build()
    ports = make_port_tensors(measure)
    try:
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            measure(**{name: mode.from_tensor(one) for name, one in ports.items()})
    except Exception as error:
        first = str(error).strip().splitlines()[:1]
        raise CheckError(f"{type(error).__name__} where tensors have no values: {''.join(first)[:200]}") from error


@rule()
def moves(subject: Subject) -> None:
    """.to() moves all that it computes with, and new tensors are made where the inputs are"""
    measure = subject.build()
    ports = make_port_tensors(measure)
    try:
        found = measure.to("meta")(**{name: one.to("meta") for name, one in ports.items()})
    except Exception as error:
        text = f"after .to(device), inputs there: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
        raise CheckError(f"{text} (keep tensors in buffers, make new ones like an input)") from error
    require(found.device.type == "meta", f"the value is on {found.device}, the inputs are not")


@rule()
def autocast(subject: Subject) -> None:
    """finite under autocast to bfloat16 and float16, and still float32 or wider"""
    measure = subject.build()
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", dtype), warnings.catch_warnings(action="ignore"):
            found = compute_values(measure, make_port_tensors(measure))
        require(torch.isfinite(found).all(), f"{format_tensor(found)} under autocast to {dtype}")
        require(found.dtype in (torch.float32, torch.float64), f"{found.dtype} under autocast to {dtype}")


@rule()
def state_round_trip(subject: Subject) -> None:
    """its state goes through a safetensors file and gives the same values"""
    first, second = subject.build(), subject.build()
    state = {name: one.contiguous() for name, one in first.state_dict().items()}
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
