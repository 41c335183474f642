"""The precision that spectra and sums are computed in."""

from __future__ import annotations

import torch
from torch import Tensor


def widen(tensor: Tensor) -> Tensor:
    """Return a tensor in float32 or wider."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
