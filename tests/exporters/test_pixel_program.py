"""The program of auto_exposure's pixels, evaluated by PyTorch's functions, gives the model's pixels."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from zerokd.exporters.pixel_program import STATE_SIZES, measure_state, trace_pixels
from zerokd.models.auto_exposure import AutoExposure


def evaluate(program, inputs):
    """The enhanced image (3, H, W)."""
    values = {name: torch.from_numpy(array)[None] for name, array in inputs.items()}
    for node in program.nodes.values():
        if node.op in ("low", "input"):
            continue
        images = [values[part] if isinstance(part, str) else torch.tensor(part) for part in node.inputs]
        if node.op == "conv":
            padded = F.pad(images[0], (node.padding,) * 4, mode="replicate")
            weight, bias = torch.tensor(node.weight), torch.tensor(node.bias)
            value = F.conv2d(padded, weight, bias, node.stride, 0, node.dilation, node.groups)
        elif node.op == "slice":
            value = images[0][:, node.channel : node.channel + node.channels]
        elif node.op == "cat":
            value = torch.cat(images, 1)
        elif node.op == "resize":
            value = F.interpolate(images[0], images[1].shape[2:], mode="bilinear", align_corners=False)
        else:
            value = getattr(torch, node.op)(*images)
        values[node.name] = value
        assert value.shape[1] == node.channels
    return values[program.enhanced][0].numpy()


@pytest.fixture(scope="module", params=[{}, {"hidden": 3, "exposure": 0.4, "lift": 5.0, "denoise": 0.6}])
def model(request):
    torch.manual_seed(0)
    return AutoExposure(**request.param).eval()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (31, 33), (64, 96), (130, 70)])
@pytest.mark.parametrize("brightest", [0.1, 1.0])
def test_it_computes_the_pixels_of_the_model(model, size, brightest):
    height, width = size
    low = (brightest * np.random.default_rng(0).random((3, height, width))).astype(np.float32)
    enhanced = evaluate(trace_pixels(model), measure_state(low, model.config.exposure))
    with torch.no_grad():
        expected = model(torch.from_numpy(low)[None])["enhanced"][0].numpy()
    assert np.abs(enhanced[:, :height, :width] - expected).max() <= 1e-6


def test_its_inputs_are_the_fields_of_the_c_header_in_their_order(model):
    low = np.random.default_rng(0).random((3, 40, 61), np.float32) / 4
    inputs = measure_state(low, model.config.exposure)
    assert {name: array.shape for name, array in inputs.items()} == {"low": (3, 40, 62), **STATE_SIZES}
    state = model.measure(torch.from_numpy(low)[None])
    numbers = [*state.noise[0], state.noisy[0], state.strength[0], state.lift[0], state.median[0]]
    assert inputs["state"].ravel().tolist() == [float(number) for number in numbers]
    assert np.array_equal(inputs["slope"], state.slope[0].numpy())
    program = trace_pixels(model)
    assert [node.name for node in program.nodes.values() if node.op in ("low", "input")] == ["low", *STATE_SIZES]
