"""Functions of torchmetrics with the arguments that a recipe can set: each calls torchmetrics alone.

``offset`` is added to both images: differences stay, and no mean and no colour is 0. It is 0 by default, off.
"""

from __future__ import annotations

from torch import Tensor
from torchmetrics import functional
from torchmetrics.functional.image import (
    error_relative_global_dimensionless_synthesis,
    relative_average_spectral_error,
    spectral_angle_mapper,
)


def spectral_angle(prediction: Tensor, target: Tensor, offset: float = 0.0) -> Tensor:
    """Angles (N, H, W) in radians."""
    return spectral_angle_mapper(prediction + offset, target + offset, reduction="none")


def ergas(prediction: Tensor, target: Tensor, ratio: float = 4.0, offset: float = 0.0) -> Tensor:
    """Values (N,)."""
    return error_relative_global_dimensionless_synthesis(
        prediction + offset, target + offset, ratio=ratio, reduction="none"
    )


def rase(prediction: Tensor, target: Tensor, window_size: int = 8, offset: float = 0.0) -> Tensor:
    """One value for the batch."""
    return relative_average_spectral_error(prediction + offset, target + offset, window_size=window_size)


def symmetric_percentage_error(prediction: Tensor, target: Tensor, offset: float = 0.0) -> Tensor:
    """One value for the batch."""
    return functional.symmetric_mean_absolute_percentage_error(prediction + offset, target + offset)


def mean_squared_log_error(prediction: Tensor, target: Tensor) -> Tensor:
    """One value for the batch."""
    return functional.mean_squared_log_error(prediction, target)


def log_cosh(prediction: Tensor, target: Tensor) -> Tensor:
    """One value for the batch: torchmetrics takes vectors."""
    return functional.log_cosh_error(prediction.flatten(), target.flatten())


def concordance_correlation(prediction: Tensor, target: Tensor) -> Tensor:
    """One value for the batch: torchmetrics takes vectors."""
    return functional.concordance_corrcoef(prediction.flatten(), target.flatten())
