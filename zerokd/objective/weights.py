"""The weight of a term in the objective."""

from __future__ import annotations

import numpy as np

from zerokd.equation.expression import Series


def effective_weight(coefficient: Series, weight: Series, step_mask: np.ndarray | None = None) -> Series:
    """Coefficient of the group x weight of the term, and 0 at the steps that a mask excludes.

    It is one number, or one for every step if any factor changes.
    """
    product = coefficient * weight
    return product if step_mask is None else product * step_mask
