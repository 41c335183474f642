"""The layers of what is trained in 16 bits, by PyTorch's autocast; losses, adapters and parameters stay as they are.

A gradient that is small in float32 would be 0 in float16. So a backward pass multiplies what reaches the network by a
power of two, chosen for that pass, and divides what reaches its parameters by the same. Nobody else need know of it:
whoever reads a gradient, to prove, compare, clip or add it, reads the true one, and there is no state to keep.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

AUTOCAST_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
TF32_EPS = 2.0**-10  # the eps of what a GPU's convolutions multiply where that is asked for: float16's
SCALED_GRADIENT_SUM = (
    2.0**10
)  # the sum of a scaled gradient: no weight's exceeds it by much, and 65504 is the largest number there


def run_autocast(
    network: nn.Module, low: Tensor, dtype: torch.dtype, tapped_features: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The outputs of a network whose layers compute in ``dtype``, in the type of ``low`` (N, 3, H, W); so is then what
    hooks have ``tapped`` while it ran."""
    scaled = dtype == torch.float16  # bfloat16 has the range of float32
    scale: list[Tensor] = []
    own = {name: _UnscaleGradient.apply(one, scale) for name, one in network.named_parameters()} if scaled else {}
    with torch.autocast(low.device.type, dtype):
        outputs = functional_call(network, own, (low,))
    left = [*outputs.values(), *tapped_features.values()]
    made = _ScaleGradients.apply(scale, low.dtype, *left) if scaled else tuple(one.to(low.dtype) for one in left)
    tapped_features.update(zip(tapped_features, made[len(outputs) :], strict=True))
    return dict(zip(outputs, made, strict=False))


class _ScaleGradients(torch.autograd.Function):
    """Outputs as they leave; backwards, their gradients times a power of two."""

    @staticmethod
    def forward(ctx: Any, scale: list[Tensor], dtype: torch.dtype, *outputs: Tensor) -> tuple[Tensor, ...]:
        ctx.scale, ctx.dtypes = scale, [output.dtype for output in outputs]
        return tuple(output.to(dtype, copy=True) for output in outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        size = torch.stack([gradient.abs().sum() for gradient in gradients]).sum()
        power = torch.floor(torch.log2(SCALED_GRADIENT_SUM / size)).clamp(
            max=100.0
        )  # beyond, it would not be finite itself
        chosen = torch.where(size > 0, torch.exp2(power), 1.0)
        ctx.scale[:] = [chosen]
        return None, None, *((chosen * one).to(to) for one, to in zip(gradients, ctx.dtypes, strict=True))


class _UnscaleGradient(torch.autograd.Function):
    """A parameter as it enters; backwards, its gradient divided by what the outputs' were multiplied with."""

    @staticmethod
    def forward(ctx: Any, parameter: Tensor, scale: list[Tensor]) -> Tensor:
        ctx.scale = scale
        return parameter.view_as(parameter)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient / ctx.scale[0], None
