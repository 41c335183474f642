"""Known ways in which a term goes wrong later, although it works on a first batch."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from zerokd.errors import PluginError
from zerokd.objective.term import BoundTerm
from zerokd.proof.trial import ProbeBatch, evaluate_on_crop, loss_values, takes_gradients, value_and_gradient

FLAT_IMAGE_SIDE, EQUAL_PORTS_SIDE = 32, 64  # pixels a side of an image, where the loss takes so few
EXPLOSION_FACTOR = 1e4  # largest ratio of a value or gradient on equal ports to the one on noise
MIN_MAGNITUDE = 1e-3  # a smaller value or gradient counts as this, when others are compared with it
BATCH_RTOL, BATCH_ATOL = 1e-4, 1e-6  # by how much an image's value may depend on its batch


def find_trap(term: BoundTerm, batch: ProbeBatch) -> Iterator[tuple[str, str]]:
    """The first trap that a weighted term falls into, if any: a description and its error code.

    A value that consists of gradients needs the autograd graph of its ports, so that other tensors cannot replace them.
    """
    for check, code in TRAPS if not takes_gradients(term.loss) else ((check_declared_bounds, "out-of-bounds"),):
        try:
            text = check(term, batch)
        except PluginError as error:
            text, code = error.problems[0].message, error.code
        if text:
            yield text, code
            return


@torch.no_grad()
def check_not_constant(term: BoundTerm, batch: ProbeBatch) -> str:
    """A value that ignores the student and the image."""
    value = batch.value(term)
    if not bool((value == value[0]).all()) or not torch.equal(
        value, loss_values(term, batch.port_tensors(term, batch.perturbed))
    ):
        return ""
    return f"is a constant: {value[0].item():g} for every image, whatever the student's parameters are"


@torch.no_grad()
def check_declared_bounds(term: BoundTerm, batch: ProbeBatch) -> str:
    """A value outside the bounds that the loss declares."""
    value, (lower, upper) = batch.value(term), term.loss.bounds
    slack = 1e-5 + 1e-4 * value.abs()
    outside = value[(value < lower - slack) | (value > upper + slack)]
    if not len(outside):
        return ""
    return f"{term.use} declares values within [{lower:g}, {upper:g}] and returns {outside[0].item():.3g}"


@torch.no_grad()
def check_batch_independence(term: BoundTerm, batch: ProbeBatch) -> str:
    """A value for one image that depends on the other images of the batch: the first and the last see all others."""
    ports, together = batch.port_tensors(term), batch.value(term)
    for row in sorted({0, len(together) - 1}):
        value = together[row].item()
        alone = loss_values(term, {port: tensor[row : row + 1] for port, tensor in ports.items()}).item()
        if abs(alone - value) > BATCH_ATOL + BATCH_RTOL * abs(value):
            if not torch.allclose(together, loss_values(term, ports), BATCH_RTOL, BATCH_ATOL):
                return ""  # a loss that draws random numbers returns no value twice
            text = f"the value of {term.use} for one image depends on the others in the batch"
            numbers = f"{alone:.4g} alone, {value:.4g} among them"
            return f"{text} (a data range or normalisation over the batch?): {numbers}"
    return ""


def check_flat_images(term: BoundTerm, batch: ProbeBatch) -> str:
    """A value or gradient that is not finite on flat images: a wall, a night sky, a file that decoded to black."""
    ranges = {port: declared.range for port, declared in term.loss.ports.items()}
    named_levels = {"a grey image": 0.5, "a black image": 0.0, "a white image": 1.0} if any(ranges.values()) else {}
    for name, level in (named_levels or {"an image of zeros": 0.0}).items():
        levels = {
            port: bounds[0] + level * (bounds[1] - bounds[0]) if bounds else 0.0 for port, bounds in ranges.items()
        }
        problem = _describe_nonfinite(*_value_and_gradient_on_flat(term, batch, levels))
        if problem:
            trained_ports = ", ".join(repr(port) for port, declared in term.loss.ports.items() if declared.grad)
            return f"{problem} on {name} (port {trained_ports}): one such photo would turn every weight into NaN"
    return ""


def _value_and_gradient_on_flat(term: BoundTerm, batch: ProbeBatch, levels: dict[str, float]) -> tuple[Tensor, Tensor]:
    whole = {port: torch.full_like(tensor[:1], levels[port]) for port, tensor in batch.port_tensors(term).items()}
    return evaluate_on_crop(value_and_gradient, term, whole, FLAT_IMAGE_SIDE)


def check_equal_ports(term: BoundTerm, batch: ProbeBatch) -> str:
    """A value or gradient that explodes where a port equals the one it is compared with, as an EMA and its student do
    at the start.

    A loss with declared bounds may be arbitrarily steep inside them; any other is compared with itself on noise.
    """
    noise = _make_noise_ports(term, batch)
    on_noise = evaluate_on_crop(value_and_gradient, term, noise, EQUAL_PORTS_SIDE)
    real = {port: tensor[:1] for port, tensor in batch.port_tensors(term).items()}
    takes_noise = not _describe_nonfinite(*on_noise)  # a port of unknown range may not take it
    for port, declared in term.loss.ports.items():
        if not declared.like:
            continue
        for tensors in (real, noise) if takes_noise else (real,):
            equal = {**tensors, port: tensors[declared.like]}
            on_equal = evaluate_on_crop(value_and_gradient, term, equal, EQUAL_PORTS_SIDE)
            problem = _describe_nonfinite(*on_equal)
            if problem:
                text = f"{problem} when port {port!r} equals {declared.like!r}"
                return f"{text}: the first such step would turn every weight into NaN"
        if takes_noise and term.loss.bounds[1] == math.inf and _is_exploding(on_equal, on_noise):
            values = f"its value is {_magnitudes(*on_equal)[0]:.3g} there, {_magnitudes(*on_noise)[0]:.3g} on noise"
            return f"{term.use} explodes when its ports are equal ({port!r} and {declared.like!r}): {values}"
    return ""


def _is_exploding(result: tuple[Tensor, Tensor], baseline: tuple[Tensor, Tensor]) -> bool:
    pairs = zip(_magnitudes(*result), _magnitudes(*baseline), strict=True)
    return any(size > EXPLOSION_FACTOR * max(MIN_MAGNITUDE, reference) for size, reference in pairs)


def _make_noise_ports(term: BoundTerm, batch: ProbeBatch) -> dict[str, Tensor]:
    """Independent noise for every port, over its declared range; the same each time."""
    generator, ports = torch.Generator().manual_seed(1), {}
    for port, tensor in batch.port_tensors(term).items():
        low, high = term.loss.ports[port].range or (-1.0, 1.0)
        noise = torch.rand(tensor[:1].shape, generator=generator)
        ports[port] = (low + (high - low) * noise).to(tensor)
    return ports


def _magnitudes(value: Tensor, gradient: Tensor) -> tuple[float, float]:
    return value.abs().max().item(), gradient.norm().item()


def _describe_nonfinite(value: Tensor, gradient: Tensor) -> str:
    for name, tensor in (("value", value), ("gradient", gradient)):
        if not torch.isfinite(tensor).all():
            return f"its {name} is {'NaN' if tensor.isnan().any() else 'infinite'}"
    return ""


TRAPS = (
    (check_not_constant, "constant"),
    (check_declared_bounds, "out-of-bounds"),
    (check_batch_independence, "depends-on-batch"),
    (check_flat_images, "not-finite"),
    (check_equal_ports, "steep-on-equal"),
)
