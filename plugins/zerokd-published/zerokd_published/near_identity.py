"""Networks that start near their input: they need not learn what a pixel looks like before they learn what it means."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

SLOPE = 5.0  # sigmoid(SLOPE * (x - 0.5)) is near x
RANDOM_SHARE = 0.05  # of the usual random weights in the last layer, where the colours are to dominate


def start_near_identity(convolutions: Sequence[nn.Conv2d]) -> None:
    """Let the first channels of each layer carry the colours, so that a sigmoid of the last one is near the input.

    Its biases are to be 0. The other weights stay random: from them alone such a network first learns a blur of its
    input, and details only after thousands of steps. One output is the mean of the colours. A layer narrower than three
    channels carries as many as it has.

    Args:
        convolutions: of a network from 3 channels to 3 or 1, whose activations between keep what is above 0.
    """
    carried = min(3, convolutions[0].out_channels)
    *hidden, last = convolutions
    with torch.no_grad():
        for convolution in hidden:
            convolution.weight[:carried] = 0.0
            _middle(convolution)[:carried, :carried] = torch.eye(carried)
        last.weight *= RANDOM_SHARE
        colors = torch.eye(3, carried) if last.out_channels == 3 else torch.full((1, carried), 1 / carried)
        _middle(last)[:, :carried] = SLOPE * colors
        last.get_parameter("bias").fill_(-SLOPE / 2)


def _middle(convolution: nn.Conv2d) -> torch.Tensor:
    """The weights of the pixel itself."""
    height, width = convolution.weight.shape[-2:]
    return convolution.weight[..., height // 2, width // 2]
