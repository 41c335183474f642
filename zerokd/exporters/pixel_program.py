"""The pixels of auto_exposure as a program of few operations: what it measures on the whole image is an input."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from zerokd.exporters.pixel_conversion import Conversion
from zerokd.exporters.program_node import Node
from zerokd.exporters.traced_program import TracedProgram
from zerokd.models.auto_exposure import AutoExposure
from zerokd.models.brightness_map import MAP_SIDE
from zerokd.models.exposure_state import ExposureState, measure_exposure_state
from zerokd.models.pyramid import pad_to_even

STATE_SIZES = {"state": (8, 1, 1), "slope": (1, MAP_SIDE, MAP_SIDE), "offset": (1, MAP_SIDE, MAP_SIDE)}
SIDE = 32  # of the image with which a model is traced: neither it nor its half is MAP_SIDE


class _Pixels(nn.Module):
    """The model's ``render`` of whole images of even sides, with the state as tensors (N, C, H, W)."""

    def __init__(self, model: AutoExposure):
        super().__init__()
        self.model = model

    def forward(self, low: Tensor, state: Tensor, slope: Tensor, offset: Tensor) -> Tensor:
        noise, (noisy, strength, lift, median) = state[:, :4, 0, 0], (state[:, k, 0, 0] for k in range(4, 8))
        measured = ExposureState(noise, noisy, strength, lift, median, slope, offset)
        return self.model.render(low, measured, (0, 0, low.shape[2], low.shape[3]))


def measure_state(low: np.ndarray, exposure: float) -> dict[str, np.ndarray]:
    """The inputs of the program for an image (3, H, W) of any size: ``low`` with even sides, and ``STATE_SIZES``."""
    image = pad_to_even(torch.from_numpy(low)[None])
    measured = measure_exposure_state(image, exposure)
    numbers = torch.cat([measured.noise[0], *(part for part in measured[1:5])])
    maps = {name: getattr(measured, name)[0].numpy() for name in ("slope", "offset")}
    return {"low": image[0].numpy(), "state": numbers[:, None, None].numpy(), **maps}


@torch.no_grad()
def trace_pixels(model: AutoExposure) -> TracedProgram:
    """The program of a model in eval mode on the CPU, for images of even sides.

    Its first nodes are its inputs: ``low``, and the fields of :class:`ExposureState` as the C header's struct has them:
    ``state`` (8, 1, 1), the noise, ``noisy``, ``strength``, ``lift`` and ``median``, then ``slope`` and ``offset``
    (1, 64, 64). Values have the size of ``low``, half of it, or that of an input.
    """
    sizes = {"low": (3, SIDE, SIDE), **STATE_SIZES}
    examples = tuple(torch.zeros(1, *size) for size in sizes.values())
    exported = torch.export.export(_Pixels(model), examples, strict=False)
    signature = exported.graph_signature
    names = signature.inputs_to_parameters | signature.inputs_to_buffers | signature.inputs_to_lifted_tensor_constants
    constants = {**exported.state_dict, **exported.constants}
    inputs = {name: Node(name, "low" if name == "low" else "input", (), size[0]) for name, size in sizes.items()}
    conversion = Conversion(dict(inputs))
    for fx_node in exported.graph.nodes:
        if fx_node.name in names:
            conversion.values[fx_node.name] = constants[names[fx_node.name]]
        elif fx_node.op == "placeholder":
            conversion.values[fx_node.name] = inputs[fx_node.name]
        elif fx_node.op == "call_function":
            conversion.values[fx_node.name] = conversion.convert(fx_node)
        else:
            (result,) = (conversion.values[node.name].name for node in fx_node.args[0])
    return TracedProgram(conversion.find_needed(result, inputs), result, False)
