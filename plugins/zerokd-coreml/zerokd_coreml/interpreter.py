"""Evaluates the layers of a neural network of Core ML on arrays (N, C, H, W), as far as exported students have them.

Each layer computes what coremltools documents: the comments of NeuralNetwork.proto and of its network builder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

BROADCASTABLE: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "addBroadcastable": np.add,
    "subtractBroadcastable": np.subtract,
    "multiplyBroadcastable": np.multiply,
    "divideBroadcastable": np.divide,
    "maxBroadcastable": np.maximum,
    "minBroadcastable": np.minimum,
}
SLICE_AXES = (-3, -2, -1)  # in the order of the enumeration: of channels, height, width


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


def _run_layer(layer: Any, arrays: Sequence[np.ndarray]) -> np.ndarray:
    kind = layer.WhichOneof("layer")
    if kind in BROADCASTABLE:
        return BROADCASTABLE[kind](*arrays)
    match kind:
        case "convolution":
            return _convolve(layer.convolution, arrays[0])
        case "padding":
            return _pad(layer.padding, arrays[0])
        case "upsample":
            return _enlarge(layer.upsample, arrays[0])
        case "activation":
            return _activate(layer.activation, arrays[0])
        case "unary":
            return _apply_unary(layer.unary, arrays[0])
        case "clip":
            return np.clip(arrays[0], layer.clip.minVal, layer.clip.maxVal)
        case "concatND":
            return np.concatenate(arrays, axis=layer.concatND.axis)
        case "slice":
            part, axis = layer.slice, SLICE_AXES[layer.slice.axis]
            numbers = np.arange(arrays[0].shape[axis])[part.startIndex : part.endIndex : part.stride]
            return arrays[0].take(numbers, axis)
        case "batchedMatmul":
            return _multiply_matrices(layer.batchedMatmul, *arrays)
    return _make_numbers(layer, *arrays)


def _make_numbers(layer: Any, *arrays: np.ndarray) -> np.ndarray:
    """Sizes, and arrays that no image is the source of."""
    match layer.WhichOneof("layer"):
        case "getShape":
            return np.array(arrays[0].shape)
        case "rangeDynamic":
            return np.arange(layer.rangeDynamic.startValue, arrays[0].item(), layer.rangeDynamic.stepSizeValue)
        case "expandDims":
            return np.expand_dims(arrays[0], tuple(layer.expandDims.axes))
        case "loadConstantND":
            return np.array(layer.loadConstantND.data.floatValue).reshape(layer.loadConstantND.shape)
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


def _apply_unary(unary: Any, array: np.ndarray) -> np.ndarray:
    scaled = np.float32(unary.scale or 1.0) * array + np.float32(unary.shift)
    match unary.type:
        case unary.EXP:
            return np.exp(scaled)
        case unary.LOG:
            return np.log(scaled)
        case unary.ABS:
            return np.abs(scaled)
        case unary.THRESHOLD:
            return np.maximum(scaled, np.float32(unary.alpha))
    raise ValueError(f"a unary function of kind {unary.Operation.Name(unary.type)!r}")


def _multiply_matrices(product: Any, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    first = left.swapaxes(-1, -2) if product.transposeA else left
    return first @ (right.swapaxes(-1, -2) if product.transposeB else right)


def _convolve(convolution: Any, array: np.ndarray) -> np.ndarray:
    """With zero padding: as much as the layer says, or as keeps the size of odd kernels (`same`)."""
    (rows, columns), groups, stride = convolution.kernelSize, convolution.nGroups, list(convolution.stride)
    dilation = list(convolution.dilationFactor)
    if convolution.WhichOneof("ConvolutionPaddingType") == "valid":
        amounts = _find_border(convolution.valid.paddingAmounts)
    elif {*stride, *dilation} == {1}:
        amounts = [(rows // 2, rows // 2), (columns // 2, columns // 2)]
    else:
        raise ValueError("a convolution that changes the size")
    shape = (convolution.outputChannels, convolution.kernelChannels, rows, columns)
    weight = np.array(convolution.weights.floatValue, np.float32).reshape(shape)
    bias = np.array(convolution.bias.floatValue, np.float32)
    reach = ((rows - 1) * dilation[0] + 1, (columns - 1) * dilation[1] + 1)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(array, [(0, 0), (0, 0), *amounts]), reach, (2, 3))
    windows = windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    parts = zip(np.split(windows, groups, axis=1), np.split(weight, groups), strict=True)
    results = [np.einsum("nchwij,ocij->nohw", part, weights, optimize=True) for part, weights in parts]
    return np.concatenate(results, axis=1) + bias[:, None, None]


def _pad(padding: Any, array: np.ndarray) -> np.ndarray:
    if padding.WhichOneof("PaddingType") != "replication":
        raise ValueError(f"a padding of kind {padding.WhichOneof('PaddingType')!r}")
    return np.pad(array, [(0, 0), (0, 0), *_find_border(padding.paddingAmounts)], "edge")


def _find_border(amounts: Any) -> list[tuple[int, int]]:
    return [(edges.startEdgeSize, edges.endEdgeSize) for edges in amounts.borderAmounts]


def _enlarge(upsample: Any, array: np.ndarray) -> np.ndarray:
    """Bilinear: along each axis, between the two pixels around each place."""
    if upsample.mode != upsample.BILINEAR:
        raise ValueError("an upsampling that is not bilinear")
    for axis, factor in ((2, upsample.scalingFactor[0]), (3, upsample.scalingFactor[1])):
        last = array.shape[axis] - 1
        places = _find_places(upsample, array.shape[axis], array.shape[axis] * factor).clip(0, last)
        first = places.astype(int)
        share = (places - first).astype(np.float32).reshape((-1, 1) if axis == 2 else -1)
        second = np.minimum(first + 1, last)
        array = array.take(first, axis) * (1 - share) + array.take(second, axis) * share
    return array


def _find_places(upsample: Any, before: int, after: int) -> np.ndarray:
    """Where, among the pixels ``before`` along an axis, those ``after`` lie."""
    if upsample.linearUpsampleMode == upsample.ALIGN_CORNERS_FALSE:
        return (np.arange(after) + 0.5) * before / after - 0.5
    end = before - 1 if upsample.linearUpsampleMode == upsample.ALIGN_CORNERS_TRUE else before - before / after
    return np.linspace(0, end, after)
