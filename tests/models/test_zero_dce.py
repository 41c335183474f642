"""Zero-DCE: its size, its names, and eight different maps, one after the other."""

import pytest
import torch

from zerokd.models.le_curve import le_curve
from zerokd.models.zero_dce import ZeroDce


@pytest.mark.parametrize(("options", "count"), [({}, 79416), ({"width": 4, "iterations": 2}, 1578)])
def test_parameter_count(options, count):
    # (27w + w) + 3 (9w^2 + w) + 2 (18w^2 + w) + 3n (18w + 1), by hand
    assert ZeroDce(**options).parameter_count() == count


def test_names_and_shapes_are_those_of_the_released_checkpoints():
    shapes = {name: tuple(weight.shape) for name, weight in ZeroDce().state_dict().items()}
    inputs = [3, 32, 32, 32, 64, 64, 64]
    expected = {f"e_conv{i + 1}.weight": (24 if i == 6 else 32, n, 3, 3) for i, n in enumerate(inputs)}
    assert shapes == expected | {f"e_conv{i + 1}.bias": (24 if i == 6 else 32,) for i in range(7)}


def test_each_iteration_has_a_map_of_its_own_in_order():
    model, low = ZeroDce(width=2, iterations=2), torch.full((1, 3, 4, 4), 0.5)
    with torch.no_grad():
        model.e_conv7.weight.zero_()
        model.e_conv7.bias.copy_(torch.tensor([-0.5] * 3 + [1.0] * 3).atanh().clamp(max=20))
    # 0.5 + -0.5 (0.25 - 0.5) = 0.625, then 0.625 + 1 (0.390625 - 0.625) = 0.390625, by hand
    torch.testing.assert_close(model(low)["enhanced"], torch.full((1, 3, 4, 4), 0.390625))


def test_equal_maps_are_one_iterated_map():
    torch.manual_seed(0)
    model, low = ZeroDce(width=3), torch.rand(2, 3, 6, 7)
    with torch.no_grad():
        model.e_conv7.weight.copy_(model.e_conv7.weight[:3].repeat(8, 1, 1, 1))
        output = model(low)
    torch.testing.assert_close(output["enhanced"], le_curve(low, output["curve_maps"][:, :3], 8))


def test_it_starts_near_its_input():
    torch.manual_seed(0)
    low = torch.rand(2, 3, 16, 16)
    assert (ZeroDce()(low)["enhanced"] - low).abs().mean() < 0.1
