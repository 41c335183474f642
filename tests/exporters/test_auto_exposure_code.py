"""The constants are those of the model, and the unrolled text is its network."""

import numpy as np
import pytest
import torch

from zerokd.exporters.auto_exposure_code import list_constants, unroll_network
from zerokd.models.auto_exposure import AutoExposure
from zerokd.models.exposure_state import MIN_BLOCKS, NOISY_RANGE


def test_constants():
    numbers = list_constants(AutoExposure(exposure=0.4, lift=3.0, denoise=0.5))
    assert (numbers["EXPOSURE"], numbers["LIFT"], numbers["DENOISE"]) == (0.4, 3.0, 0.5)
    assert (numbers["NOISY_FIRST"], numbers["NOISY_LAST"]) == NOISY_RANGE
    assert (numbers["MIN_BLOCKS"], numbers["MAP_CELLS"], numbers["LUMA_GREEN"]) == (MIN_BLOCKS, 49, 0.587)
    assert all(isinstance(number, int | float) for number in numbers.values())


def test_the_text_is_the_network():
    torch.manual_seed(0)
    model = AutoExposure(hidden=3)
    features = torch.randn(7)
    names = {f"f{k}": float(value) for k, value in enumerate(features)} | {"max": max}
    for name, expression in unroll_network(model, lambda value: repr(float(value)), "max({0}, 0.0)"):
        names[name] = eval(expression, {"__builtins__": {}}, names)  # our own text: sums and products of numbers
    with torch.no_grad():
        wanted = model.gains(torch.relu(model.hidden(features.view(1, 7, 1, 1)))).flatten()
    assert [names[f"b{k}"] for k in range(6)] == pytest.approx(wanted.tolist(), abs=1e-5)
    assert np.isfinite(names["a2"])
    assert "a3" not in names
