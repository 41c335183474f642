"""Known ways in which one term goes wrong later, although it works on a first batch."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from zerokd.errors import PluginError
from zerokd.objective.term import Term
from zerokd.proof.trial import Trial, value_and_slope, value_of

SIDE = 32  # pixels a side that a flat image has, where the loss takes so few
EXPLODES = 1e4  # by how much a value or gradient on equal ports may exceed the one on noise
LEAST = 1e-3  # a value or gradient that counts as this at least, when others are compared with it
ALONE, ROUNDING = 1e-4, 1e-6  # by how much an image's value may depend on its batch: relative, and absolute


def trapped(term: Term, trial: Trial) -> Iterator[tuple[str, str]]:
    """The first trap that a weighed term walks into, if any, in words, and its code."""
    for check, code in TRAPS:
        try:
            text = check(term, trial)
        except PluginError as fault:
            text, code = fault.problems[0].message, fault.code
        if text:
            yield text, code
            return


@torch.no_grad()
def is_constant(term: Term, trial: Trial) -> str:
    value, other = trial.value(term), value_of(term, trial.ports(term, trial.elsewhere))
    if not torch.equal(value, other) or not bool((value == value[0]).all()):
        return ""
    return f"is a constant: {value[0].item():g} for every image, whatever the student's parameters are"


@torch.no_grad()
def out_of_bounds(term: Term, trial: Trial) -> str:
    value, (least, most) = trial.value(term), term.loss.bounds
    slack = 1e-5 + 1e-4 * value.abs()
    outside = value[(value < least - slack) | (value > most + slack)]
    if not len(outside):
        return ""
    return f"{term.use} declares values within [{least:g}, {most:g}] and gives {outside[0].item():.3g}"


@torch.no_grad()
def depends_on_batch(term: Term, trial: Trial) -> str:
    ports, together = trial.ports(term), trial.value(term)
    if not torch.equal(together, value_of(term, ports)):
        return ""  # a loss that draws random numbers gives no value twice
    for row, value in enumerate(together.tolist()):
        alone = value_of(term, {port: tensor[row : row + 1] for port, tensor in ports.items()}).item()
        if abs(alone - value) > ROUNDING + ALONE * abs(value):
            text = f"{term.use} takes its value for one image from the others in the batch"
            told = f"(a data range or normalisation over the batch?): {alone:.4g} alone, {value:.4g} among them"
            return f"{text} {told}"
    return ""


def steep_on_flat(term: Term, trial: Trial) -> str:
    """Every port of one brightness: a photo of a wall, a night sky, a file that decoded to black."""
    ranges = {port: declared.range for port, declared in term.loss.ports.items()}
    pictures = {"a grey image": 0.5, "a black image": 0.0, "a white image": 1.0} if any(ranges.values()) else {}
    for name, level in (pictures or {"an image of zeros": 0.0}).items():
        levels = {
            port: spread[0] + level * (spread[1] - spread[0]) if spread else 0.0 for port, spread in ranges.items()
        }
        wrong = _not_finite(*_on_flat(term, trial, levels))
        if wrong:
            where = ", ".join(repr(port) for port, declared in term.loss.ports.items() if declared.grad)
            return f"{wrong} on {name} (port {where}): one such photo would turn every weight into NaN"
    return ""


def _on_flat(term: Term, trial: Trial, levels: dict[str, float]) -> tuple[Tensor, Tensor]:
    """Tried small first; a loss made for one size gets its own."""
    whole = {port: torch.full_like(tensor[:1], levels[port]) for port, tensor in trial.ports(term).items()}
    side = max(SIDE, term.loss.min_size())
    shapes = {tensor.shape[2:] for tensor in whole.values()}
    if len(shapes) == 1 and max(shapes.pop(), default=0) > side:
        try:
            return value_and_slope(term, {port: tensor[:, :, :side, :side] for port, tensor in whole.items()})
        except PluginError:
            pass
    return value_and_slope(term, whole)


def steep_on_equal(term: Term, trial: Trial) -> str:
    """A port equal to the one it is compared with, as a moving average and its student are at first.

    A loss of declared bounds may be as steep as it likes inside them; any other is compared with itself on noise.
    """
    noise = _noise(term, trial)
    usual = value_and_slope(term, noise)
    real = {port: tensor[:1] for port, tensor in trial.ports(term).items()}
    fair = not _not_finite(*usual)  # a port of no declared range may take less than the noise on it
    for port, declared in term.loss.ports.items():
        if not declared.like:
            continue
        for held in (real, noise) if fair else (real,):
            found = value_and_slope(term, {**held, port: held[declared.like]})
            wrong = _not_finite(*found)
            if wrong:
                text = f"{wrong} when port {port!r} equals {declared.like!r}"
                return f"{text}: the first such step would turn every weight into NaN"
        if fair and term.loss.bounds[1] == math.inf and _explodes(found, usual):
            told = f"its value is {_sizes(*found)[0]:.3g} there, {_sizes(*usual)[0]:.3g} on noise"
            return f"{term.use} explodes when its ports are equal ({port!r} and {declared.like!r}): {told}"
    return ""


def _explodes(found: tuple[Tensor, Tensor], usual: tuple[Tensor, Tensor]) -> bool:
    pairs = zip(_sizes(*found), _sizes(*usual), strict=True)
    return any(size > EXPLODES * max(LEAST, reference) for size, reference in pairs)


def _noise(term: Term, trial: Trial) -> dict[str, Tensor]:
    """Independent noise for every port, over its declared range; the same each time."""
    generator, made = torch.Generator().manual_seed(1), {}
    for port, tensor in trial.ports(term).items():
        low, high = term.loss.ports[port].range or (-1.0, 1.0)
        noise = torch.rand(tensor[:1].shape, generator=generator)
        made[port] = (low + (high - low) * noise).to(tensor)
    return made


def _sizes(value: Tensor, slope: Tensor) -> tuple[float, float]:
    return value.abs().max().item(), slope.norm().item()


def _not_finite(value: Tensor, slope: Tensor) -> str:
    for name, tensor in (("value", value), ("gradient", slope)):
        if not torch.isfinite(tensor).all():
            return f"its {name} is {'NaN' if tensor.isnan().any() else 'infinite'}"
    return ""


TRAPS = (
    (is_constant, "constant"),
    (out_of_bounds, "out-of-bounds"),
    (depends_on_batch, "depends-on-batch"),
    (steep_on_flat, "not-finite"),
    (steep_on_equal, "steep-on-equal"),
)
