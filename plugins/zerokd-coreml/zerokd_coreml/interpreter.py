"""Evaluates the layers of a neural network of Core ML on arrays (N, C, H, W), as far as exported students have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def run_layers(layers: Iterable[Any], inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All values by their names.

    Raises:
        ValueError: there is a layer of another kind.
    """
    values = dict(inputs)
    for layer in layers:
        (output,), arrays = layer.output, [values[name] for name in layer.input]
        values[output] = _run_layer(layer, arrays).astype(np.float32)
    return values


def _run_layer(layer: Any, arrays: list[np.ndarray]) -> np.ndarray:
    match layer.WhichOneof("layer"):
        case "convolution":
            return _convolve(layer.convolution, arrays[0])
        case "activation":
            return _activate(layer.activation, arrays[0])
        case "clip":
            return np.clip(arrays[0], layer.clip.minVal, layer.clip.maxVal)
        case "concatND":
            return np.concatenate(arrays, axis=layer.concatND.axis)
        case "addBroadcastable":
            return arrays[0] + arrays[1]
        case "subtractBroadcastable":
            return arrays[0] - arrays[1]
        case "multiplyBroadcastable":
            return arrays[0] * arrays[1]
    raise ValueError(f"a layer of kind {layer.WhichOneof('layer')!r}")


def _activate(activation: Any, array: np.ndarray) -> np.ndarray:
    match activation.WhichOneof("NonlinearityType"):
        case "ReLU":
            return np.maximum(array, 0)
        case "tanh":
            return np.tanh(array)
        case "sigmoid":
            return 1 / (1 + np.exp(-array))
        case "linear":
            return np.float32(activation.linear.alpha) * array + np.float32(activation.linear.beta)
    raise ValueError(f"an activation of kind {activation.WhichOneof('NonlinearityType')!r}")


def _convolve(convolution: Any, array: np.ndarray) -> np.ndarray:
    """With zero padding that keeps the size, as `same` pads odd kernels."""
    if convolution.WhichOneof("ConvolutionPaddingType") != "same" or set(convolution.stride) - {1}:
        raise ValueError("a convolution that changes the size")
    (rows, columns), groups = convolution.kernelSize, convolution.nGroups
    shape = (convolution.outputChannels, convolution.kernelChannels, rows, columns)
    weight = np.array(convolution.weights.floatValue, np.float32).reshape(shape)
    bias = np.array(convolution.bias.floatValue, np.float32)
    padding = ((0, 0), (0, 0), (rows // 2, rows // 2), (columns // 2, columns // 2))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(array, padding), (rows, columns), (2, 3))
    parts = zip(np.split(windows, groups, axis=1), np.split(weight, groups), strict=True)
    results = [np.einsum("nchwij,ocij->nohw", part, weights, optimize=True) for part, weights in parts]
    return np.concatenate(results, axis=1) + bias[:, None, None]
