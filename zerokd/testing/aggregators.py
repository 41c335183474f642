"""Rules for aggregators: they combine any gradients into one finite gradient."""

from __future__ import annotations

import torch
from torch import Tensor

from zerokd.testing.check import Subject, require, rule
from zerokd.testing.inputs import noise
from zerokd.testing.losses_and_metrics import format_tensor, require_close
from zerokd.testing.torch_modules import RULES as MODULE_RULES
from zerokd.testing.torch_modules import build_seeded

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


@rule()
def one_gradient(subject: Subject) -> None:
    """it maps (T, P) to (P,), of the same type"""
    for dtype in (torch.float32, torch.float64):
        for rows in (1, 2, 5):
            gradient = build_seeded(subject).to(dtype)((noise((rows, 50)) - 0.5).to(dtype))
            require(tuple(gradient.shape) == (50,), f"{rows} rows of 50 become {tuple(gradient.shape)}")
            require(gradient.dtype == dtype, f"{dtype} becomes {gradient.dtype}")


@rule()
def single_term(subject: Subject) -> None:
    """it returns the gradient of a single term unchanged"""
    gradient = build_seeded(subject).double()(GRADIENT_ROW)
    require_close(gradient, GRADIENT_ROW[0], "one row becomes another", 1e-4)


@rule()
def finite(subject: Subject) -> None:
    """finite on zeros, equal, opposite, tiny and huge rows"""
    for name, rows in HARD_GRADIENTS.items():
        for dtype in (torch.float32, torch.float64):
            gradient = build_seeded(subject).to(dtype)(rows.to(dtype))
            require(torch.isfinite(gradient).all(), f"{name} ({dtype}) become {format_tensor(gradient)}")


@rule()
def same_scale(subject: Subject) -> None:
    """without conflicts, the result has the magnitude of the sum, so that learning rates keep their meaning"""
    rows = torch.eye(4, 50, dtype=torch.float64)
    ratio = float(build_seeded(subject).double()(rows).norm() / rows.sum(0).norm())
    require(0.5 <= ratio <= 2.0, f"four orthogonal rows become {ratio:.3g} times their sum")


DEVICE_CHECK_NAMES = ("compiles", "autocast", "moves", "no_host_sync")  # solvers of small problems may run on the CPU
RULES = (
    one_gradient,
    single_term,
    finite,
    same_scale,
    *(shared for shared in MODULE_RULES if shared.name not in DEVICE_CHECK_NAMES),
)
