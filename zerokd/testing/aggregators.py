"""Rules for aggregators: they combine any gradients into one finite gradient, and what they remember is in buffers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from attrs import evolve
from torch import Tensor

from zerokd.plugin.contracts import Weighting
from zerokd.testing.check import CheckError, Subject, require, rule
from zerokd.testing.inputs import noise
from zerokd.testing.losses_and_metrics import format_tensor, require_close
from zerokd.testing.torch_modules import AGGREGATOR_STEPS, combine_gradients, make_term_values, start_aggregator
from zerokd.testing.torch_modules import RULES as MODULE_RULES

GRADIENT_ROW = noise((1, 50)) - 0.5
HARD_GRADIENTS: dict[str, Tensor] = {
    "rows of zeros": torch.zeros(3, 50),
    "one row of zeros": torch.cat([GRADIENT_ROW, torch.zeros(1, 50)]),
    "equal rows": GRADIENT_ROW.repeat(3, 1),
    "opposite rows": torch.cat([GRADIENT_ROW, -GRADIENT_ROW]),
    "a tiny and a huge row": torch.cat([1e-12 * GRADIENT_ROW, -1e6 * GRADIENT_ROW.flip(1)]),
    "tiny rows": 1e-20 * (noise((3, 50), 3) - 0.5),
    "more rows than parameters": noise((9, 2), 4) - 0.5,
}
HARD_VALUES: dict[str, tuple[float, ...]] = {  # by step, for two terms in turn
    "values of 0": (0.0, 0.0),
    "values that fall to 0": (1.0, 1.0, 0.0, 0.0),
    "tiny and huge values": (1e-20, 1e6, 1.0),
}
STAGE_TERMS, COMPUTED_TERMS = 7, (1, 4)  # a stage, and its terms that a step computes while the others rest


def reads_terms(subject: Subject) -> bool:
    """Whether an aggregator takes more than gradients."""
    return bool(subject.component.reads_terms)


@rule()
def one_gradient(subject: Subject) -> None:
    """it maps (T, P) to (P,), of the same type"""
    for dtype in (torch.float32, torch.float64):
        for rows in (1, 2, 5):
            aggregator = start_aggregator(subject, rows).to(dtype)
            gradient = combine_gradients(aggregator, (noise((rows, 50)) - 0.5).to(dtype))
            require(tuple(gradient.shape) == (50,), f"{rows} rows of 50 become {tuple(gradient.shape)}")
            require(gradient.dtype == dtype, f"{dtype} becomes {gradient.dtype}")


@rule()
def single_term(subject: Subject) -> None:
    """it returns the gradient of a single term unchanged, at its first step"""
    gradient = combine_gradients(start_aggregator(subject, 1).double(), GRADIENT_ROW)
    require_close(gradient, GRADIENT_ROW[0], "one row becomes another", 1e-4)


@rule()
def finite(subject: Subject) -> None:
    """finite on zeros, equal, opposite, tiny and huge rows, on values of 0, tiny and huge ones, and so is its state"""
    for name, dtype, rows, sequence in _hard_runs(subject):
        aggregator = start_aggregator(subject, len(rows)).to(dtype)
        for step, values in enumerate(sequence):
            terms = make_term_values(rows, step)
            terms = terms if values is None else evolve(terms, values=values)
            gradient = combine_gradients(aggregator, rows, terms)
            require(torch.isfinite(gradient).all(), f"{name} ({dtype}) become {format_tensor(gradient)}")
        for key, tensor in aggregator.state_dict().items():
            is_finite = not tensor.is_floating_point() or torch.isfinite(tensor).all()
            require(is_finite, f"after {name} ({dtype}) its {key} is {format_tensor(tensor)}")


def _hard_runs(subject: Subject) -> Iterator[tuple[str, torch.dtype, Tensor, list[Tensor | None]]]:
    """What is hard, a type, rows, and the values of each step (None: those of noise)."""
    for dtype in (torch.float32, torch.float64):
        for name, rows in HARD_GRADIENTS.items():
            yield name, dtype, rows.to(dtype), [None] * (AGGREGATOR_STEPS if reads_terms(subject) else 1)
        for name, levels in HARD_VALUES.items() if reads_terms(subject) else ():
            rows = (noise((2, 50)) - 0.5).to(dtype)
            steps = range(AGGREGATOR_STEPS)
            values = [[levels[(step + term) % len(levels)] for term in range(2)] for step in steps]
            yield name, dtype, rows, [torch.tensor(pair, dtype=dtype) for pair in values]


@rule()
def same_scale(subject: Subject) -> None:
    """without conflicts, the result has the magnitude of the sum at first, so that learning rates keep their meaning"""
    rows = torch.eye(4, 50, dtype=torch.float64)
    ratio = float(combine_gradients(start_aggregator(subject, 4).double(), rows).norm() / rows.sum(0).norm())
    require(0.5 <= ratio <= 2.0, f"four orthogonal rows become {ratio:.3g} times their sum")


@rule(reads_terms)
def state_in_buffers(subject: Subject) -> None:
    """a new instance that loads its state after some steps continues to the bit: what it remembers is in buffers"""
    rows = (noise((4, 50), 5) - 0.5).float()
    first, second = start_aggregator(subject, 4), start_aggregator(subject, 4)
    half = AGGREGATOR_STEPS // 2
    for step in range(half):
        combine_gradients(first, rows, make_term_values(rows, step))
    try:
        second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
    except Exception as error:
        raise CheckError(f"{type(error).__name__}: {str(error).splitlines()[0][:200]}") from error
    for step in range(half, AGGREGATOR_STEPS):
        terms = make_term_values(rows, step)
        expected, resumed = (combine_gradients(aggregator, rows, terms) for aggregator in (first, second))
        require_close(resumed, expected, f"another gradient at step {step}, after a resume at step {half}", 0.0)


@rule(reads_terms)
def resting_terms(subject: Subject) -> None:
    """any terms may rest at a step, and the state (L, ...) of those that rest stays"""
    aggregator, rows = start_aggregator(subject, STAGE_TERMS).double(), noise((STAGE_TERMS, 50), 6) - 0.5
    for step in range(2):
        combine_gradients(aggregator, rows, make_term_values(rows, step))
    before = _state_by_term(aggregator)
    some = rows[list(COMPUTED_TERMS)]
    gradient = combine_gradients(aggregator, some, make_term_values(some, 3, COMPUTED_TERMS))
    require(tuple(gradient.shape) == (50,), f"{len(some)} rows of 50 become {tuple(gradient.shape)}")
    resting = [index for index in range(STAGE_TERMS) if index not in COMPUTED_TERMS]
    for name, tensor in _state_by_term(aggregator).items():
        require_close(tensor[resting], before[name][resting], f"{name} of terms that rest changes", 0.0)


def _state_by_term(aggregator: Any) -> dict[str, Tensor]:
    state = {name: tensor.clone() for name, tensor in aggregator.state_dict().items()}
    return {name: tensor for name, tensor in state.items() if tensor.shape[:1] == (STAGE_TERMS,)}


@rule(lambda subject: issubclass(subject.component, Weighting))
def factors(subject: Subject) -> None:
    """its factors are (T,), of the type of the gradients, and not negative"""
    rows = (noise((4, 50), 7) - 0.5).float() * torch.tensor([[1e-3], [1.0], [30.0], [0.2]])
    weighting = start_aggregator(subject, 4)
    for step in range(AGGREGATOR_STEPS):
        result = weighting.factors(rows, make_term_values(rows, step))
        require(result.shape == (4,) and result.dtype == rows.dtype, f"four float32 rows get {format_tensor(result)}")
        require((result >= 0).all(), f"a factor is negative: {format_tensor(result)}")


DEVICE_CHECK_NAMES = ("compiles", "autocast", "moves", "no_host_sync")  # solvers of small problems may run on the CPU
RULES = (
    one_gradient,
    single_term,
    finite,
    same_scale,
    state_in_buffers,
    resting_terms,
    factors,
    *(shared for shared in MODULE_RULES if shared.name not in DEVICE_CHECK_NAMES),
)
