"""What PyTorch's export leaves to do in an ONNX graph: names of axes, no lines of source, and which layers learn."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

AXIS_NAMES = ("batch", "height", "width")


@torch.no_grad()
def name_axes(onnx_model: Any, module: nn.Module, example: Tensor, size_axes: tuple[int, int]) -> None:
    """Name the axes of images: PyTorch numbers them, and writes formulas for those of results as large as the input.

    ``example`` is an input of ``module``, ``size_axes`` are its axes of height and width.
    """
    graph, names = onnx_model.graph, dict(zip((0, *size_axes), AXIS_NAMES, strict=True))
    axes = graph.input[0].type.tensor_type.shape.dim
    symbols = {axes[index].dim_param: name for index, name in names.items()}
    odd_sizes = [size - 1 if index in size_axes else size for index, size in enumerate(example.shape)]
    result = module(torch.zeros(odd_sizes, dtype=example.dtype))
    results = list(result.values()) if isinstance(result, Mapping) else [result]
    for value in (*graph.input, *graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                axis.dim_param = re.sub(r"\w+", lambda match: symbols.get(match[0], match[0]), axis.dim_param)
    for value, tensor in zip(graph.output, results, strict=True):
        for index, name in names.items():
            if tensor.shape[index] == odd_sizes[index]:
                value.type.tensor_type.shape.dim[index].dim_param = name


def remove_descriptions(onnx_model: Any) -> None:
    """Remove where each operation is in the source, and the types of values between, which engines infer."""
    del onnx_model.graph.value_info[:]
    for record in (onnx_model, *onnx_model.graph.node):
        del record.metadata_props[:]


def find_learned_layers(onnx_model: Any, model: nn.Module) -> list[str]:
    """The names of operations that read a parameter of the model, which may be a part of the exported module."""
    learned = {name for name, _ in model.named_parameters()}
    nodes = onnx_model.graph.node
    return [node.name for node in nodes if learned & {name.removeprefix("model.") for name in node.input}]
