"""Mixed precision: the student's layers compute in 16 bits by PyTorch's autocast; losses and parameters do not.

A gradient that is small in float32 would be 0 in float16. A backward pass therefore multiplies the gradient at the
network's outputs by a power of two, chosen for that pass, and divides the gradient at its parameters by it. Nothing
else has to know: code that reads a gradient, to prove, compare, clip or add it, reads the true one. There is no state.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from zerokd.objective.models import name_outputs

AUTOCAST_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
TF32_EPS = 2.0**-10  # a GPU's convolutions in TF32 multiply with the eps of float16
SCALED_GRADIENT_SUM = 2.0**10  # of a scaled gradient; no weight's exceeds it by much, and 65504 is float16's largest
MAX_SCALE_EXPONENT = 100.0  # a larger power of two would not be finite itself


def run_autocast(
    network: nn.Module, low: Tensor, dtype: torch.dtype, tapped_features: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The outputs of a network whose layers compute in ``dtype``, in the type of ``low``; ``tapped_features``, which
    hooks fill while it runs, get that type too."""
    is_scaled = dtype == torch.float16  # bfloat16 has the range of float32
    scale: list[Tensor] = []
    parameters = {
        name: _UnscaleGradient.apply(parameter, scale) for name, parameter in network.named_parameters() if is_scaled
    }
    with torch.autocast(low.device.type, dtype):
        outputs = name_outputs(functional_call(network, parameters, (low,)))
    values = [*outputs.values(), *tapped_features.values()]
    if is_scaled:
        converted = _ScaleGradients.apply(scale, low.dtype, *values)
    else:
        converted = tuple(value.to(low.dtype) for value in values)
    tapped_features.update(zip(tapped_features, converted[len(outputs) :], strict=True))
    return dict(zip(outputs, converted, strict=False))


class _ScaleGradients(torch.autograd.Function):
    """Forward: outputs in another type. Backward: gradients times a power of two."""

    @staticmethod
    def forward(ctx: Any, scale: list[Tensor], dtype: torch.dtype, *outputs: Tensor) -> tuple[Tensor, ...]:
        ctx.scale, ctx.dtypes = scale, [output.dtype for output in outputs]
        return tuple(output.to(dtype, copy=True) for output in outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        size = torch.stack([gradient.abs().sum() for gradient in gradients]).sum()
        power = torch.floor(torch.log2(SCALED_GRADIENT_SUM / size)).clamp(max=MAX_SCALE_EXPONENT)
        chosen = torch.where(size > 0, torch.exp2(power), 1.0)
        ctx.scale[:] = [chosen]
        pairs = zip(gradients, ctx.dtypes, strict=True)
        return None, None, *((chosen * gradient).to(dtype) for gradient, dtype in pairs)


class _UnscaleGradient(torch.autograd.Function):
    """Forward: a parameter. Backward: its gradient divided by the power of two of the outputs' gradients."""

    @staticmethod
    def forward(ctx: Any, parameter: Tensor, scale: list[Tensor]) -> Tensor:
        ctx.scale = scale
        return parameter.view_as(parameter)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient / ctx.scale[0], None
