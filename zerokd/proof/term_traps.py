"""Known ways in which one term goes wrong later, although it works on a first batch."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from zerokd.errors import PluginError
from zerokd.objective.term import BoundTerm
from zerokd.proof.trial import ProbeBatch, loss_values, value_and_gradient

FLAT_IMAGE_SIDE = 32  # pixels a side that a flat image has, where the loss takes so few
EXPLOSION_FACTOR = 1e4  # by how much a value or gradient on equal ports may exceed the one on noise
MIN_MAGNITUDE = 1e-3  # a value or gradient that counts as this at least, when others are compared with it
BATCH_RTOL, BATCH_ATOL = 1e-4, 1e-6  # by how much an image's value may depend on its batch: relative, and absolute


def find_trap(term: BoundTerm, probe_batch: ProbeBatch) -> Iterator[tuple[str, str]]:
    """The first trap that a weighed term walks into, if any, in words, and its code."""
    for check, code in TRAPS:
        try:
            text = check(term, probe_batch)
        except PluginError as error:
            text, code = error.problems[0].message, error.code
        if text:
            yield text, code
            return


@torch.no_grad()
def check_not_constant(term: BoundTerm, probe_batch: ProbeBatch) -> str:
    value, other = probe_batch.value(term), loss_values(term, probe_batch.port_tensors(term, probe_batch.perturbed))
    if not torch.equal(value, other) or not bool((value == value[0]).all()):
        return ""
    return f"is a constant: {value[0].item():g} for every image, whatever the student's parameters are"


@torch.no_grad()
def check_declared_bounds(term: BoundTerm, probe_batch: ProbeBatch) -> str:
    value, (least, most) = probe_batch.value(term), term.loss.bounds
    slack = 1e-5 + 1e-4 * value.abs()
    outside = value[(value < least - slack) | (value > most + slack)]
    if not len(outside):
        return ""
    return f"{term.use} declares values within [{least:g}, {most:g}] and gives {outside[0].item():.3g}"


@torch.no_grad()
def check_batch_independence(term: BoundTerm, probe_batch: ProbeBatch) -> str:
    ports, together = probe_batch.port_tensors(term), probe_batch.value(term)
    if not torch.equal(together, loss_values(term, ports)):
        return ""  # a loss that draws random numbers gives no value twice
    for row, value in enumerate(together.tolist()):
        alone = loss_values(term, {port: tensor[row : row + 1] for port, tensor in ports.items()}).item()
        if abs(alone - value) > BATCH_ATOL + BATCH_RTOL * abs(value):
            text = f"{term.use} takes its value for one image from the others in the batch"
            told = f"(a data range or normalisation over the batch?): {alone:.4g} alone, {value:.4g} among them"
            return f"{text} {told}"
    return ""


def check_flat_images(term: BoundTerm, probe_batch: ProbeBatch) -> str:
    """Every port of one brightness: a photo of a wall, a night sky, a file that decoded to black."""
    ranges = {port: declared.range for port, declared in term.loss.ports.items()}
    pictures = {"a grey image": 0.5, "a black image": 0.0, "a white image": 1.0} if any(ranges.values()) else {}
    for name, level in (pictures or {"an image of zeros": 0.0}).items():
        levels = {
            port: spread[0] + level * (spread[1] - spread[0]) if spread else 0.0 for port, spread in ranges.items()
        }
        wrong = _describe_nonfinite(*_value_and_gradient_on_flat(term, probe_batch, levels))
        if wrong:
            where = ", ".join(repr(port) for port, declared in term.loss.ports.items() if declared.grad)
            return f"{wrong} on {name} (port {where}): one such photo would turn every weight into NaN"
    return ""


def _value_and_gradient_on_flat(term: BoundTerm, probe_batch: ProbeBatch, levels: dict[str, float]) -> tuple[Tensor, Tensor]:
    """Tried small first; a loss made for one size gets its own."""
    whole = {port: torch.full_like(tensor[:1], levels[port]) for port, tensor in probe_batch.port_tensors(term).items()}
    side = max(FLAT_IMAGE_SIDE, term.loss.min_size())
    shapes = {tensor.shape[2:] for tensor in whole.values()}
    if len(shapes) == 1 and max(shapes.pop(), default=0) > side:
        try:
            return value_and_gradient(term, {port: tensor[:, :, :side, :side] for port, tensor in whole.items()})
        except PluginError:
            pass
    return value_and_gradient(term, whole)


def check_equal_ports(term: BoundTerm, probe_batch: ProbeBatch) -> str:
    """A port equal to the one it is compared with, as a moving average and its student are at first.

    A loss of declared bounds may be as steep as it likes inside them; any other is compared with itself on noise.
    """
    noise = _make_noise_ports(term, probe_batch)
    usual = value_and_gradient(term, noise)
    real = {port: tensor[:1] for port, tensor in probe_batch.port_tensors(term).items()}
    fair = not _describe_nonfinite(*usual)  # a port of no declared range may take less than the noise on it
    for port, declared in term.loss.ports.items():
        if not declared.like:
            continue
        for held in (real, noise) if fair else (real,):
            found = value_and_gradient(term, {**held, port: held[declared.like]})
            wrong = _describe_nonfinite(*found)
            if wrong:
                text = f"{wrong} when port {port!r} equals {declared.like!r}"
                return f"{text}: the first such step would turn every weight into NaN"
        if fair and term.loss.bounds[1] == math.inf and _is_exploding(found, usual):
            told = f"its value is {_magnitudes(*found)[0]:.3g} there, {_magnitudes(*usual)[0]:.3g} on noise"
            return f"{term.use} explodes when its ports are equal ({port!r} and {declared.like!r}): {told}"
    return ""


def _is_exploding(result: tuple[Tensor, Tensor], baseline: tuple[Tensor, Tensor]) -> bool:
    pairs = zip(_magnitudes(*result), _magnitudes(*baseline), strict=True)
    return any(size > EXPLOSION_FACTOR * max(MIN_MAGNITUDE, reference) for size, reference in pairs)


def _make_noise_ports(term: BoundTerm, probe_batch: ProbeBatch) -> dict[str, Tensor]:
    """Independent noise for every port, over its declared range; the same each time."""
    generator, made = torch.Generator().manual_seed(1), {}
    for port, tensor in probe_batch.port_tensors(term).items():
        low, high = term.loss.ports[port].range or (-1.0, 1.0)
        noise = torch.rand(tensor[:1].shape, generator=generator)
        made[port] = (low + (high - low) * noise).to(tensor)
    return made


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
