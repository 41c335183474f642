"""The light-enhancement curve: an iterated pixel-wise parabola."""

from __future__ import annotations

from torch import Tensor


def le_curve(x: Tensor, a: Tensor, iterations: int) -> Tensor:
    r"""Brighten where ``a`` is negative, darken where it is positive; 0 and 1 stay fixed.

    Formula: $x \leftarrow x + a\,(x^2 - x)$, ``iterations`` times, with the same $a$.
    Source: Zero-DCE (Guo et al., CVPR 2020) with the sign of its released code, which stores the negated parameter of
    the paper's $x + \alpha x (1 - x)$; Zero-DCE++ (Li et al., TPAMI 2021) shares one map over all iterations.

    Args:
        x: (N, 3, H, W) in [0, 1].
        a: the curve map, same shape, in [-1, 1].
        iterations: number of curve iterations.

    Returns:
        the shape of ``x``, in [0, 1]; monotone in ``x``, and equal to ``x`` exactly where ``a`` is 0.

    Example:
        >>> import torch
        >>> le_curve(torch.tensor(0.5), torch.tensor(-1.0), 2)
        tensor(0.9375)
    """
    for _ in range(iterations):
        x = x + a * (x * x - x)
    return x
