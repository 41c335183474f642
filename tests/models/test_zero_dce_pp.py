"""The teacher: its size, the checkpoint's names, any image size, and the official network's figures."""

import os
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from zerokd.models.le_curve import le_curve
from zerokd.models.zero_dce_pp import ZeroDcePp

REAL = Path(os.environ.get("ZEROKD_REAL", Path(__file__).parents[3] / "shared"))
SIDES = (1, 2, 11, 12, 13, 24, 25, 40)


def wave() -> torch.Tensor:
    n, c, i, j = (
        torch.arange(size, dtype=torch.float64).view([-1 if axis == own else 1 for axis in range(4)])
        for own, size in enumerate((2, 3, 64, 48))
    )
    stage = 0.37 + 0.11 * (n + 1) * i + 0.07 * (c + 1) * j + 0.9 * n + 0.5 * c
    return 0.3 * (0.5 + 0.5 * torch.sin(stage))


def test_parameter_count_and_names():
    shapes = {name: tuple(value.shape) for name, value in ZeroDcePp().state_dict().items()}
    assert sum(weight.numel() for weight in ZeroDcePp().parameters()) == 10561
    assert len(shapes) == 7 * 4
    assert shapes["e_conv1.depth_conv.weight"] == (3, 1, 3, 3)
    assert shapes["e_conv5.depth_conv.weight"] == (64, 1, 3, 3)
    assert shapes["e_conv7.point_conv.weight"] == (3, 64, 1, 1)


@pytest.mark.parametrize("scale_factor", [1, 12])
def test_output_has_the_size_of_the_input(scale_factor):
    model = ZeroDcePp(width=1, scale_factor=scale_factor)
    with torch.no_grad():
        for height in SIDES:
            for width in SIDES:
                result = model(torch.rand(1, 3, height, width))
                assert {tuple(value.shape) for value in result.values()} == {(1, 3, height, width)}


def test_scaled_map_is_estimated_on_a_smaller_copy():
    torch.manual_seed(0)
    low, scaled, full = torch.rand(1, 3, 24, 36), ZeroDcePp(scale_factor=12), ZeroDcePp()
    full.load_state_dict(scaled.state_dict())
    with torch.no_grad():
        result = scaled(low)
        # bilinear reduction by an even factor reads the four pixels around each cell's centre
        small = sum(low[:, :, 5 + dy :: 12, 5 + dx :: 12] for dy in (0, 1) for dx in (0, 1)) / 4
        curve_map = F.interpolate(full(small)["curve_map"], size=(24, 36), mode="bilinear", align_corners=True)
    torch.testing.assert_close(result["curve_map"], curve_map)
    torch.testing.assert_close(result["enhanced"], le_curve(low, curve_map, 8))


def test_fresh_network_leaves_the_image_nearly_unchanged():
    torch.manual_seed(0)
    low = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert (ZeroDcePp()(low)["enhanced"] - low).abs().mean() < 0.1


def test_fresh_network_has_few_dead_channels():
    torch.manual_seed(0)
    model, low, dead = ZeroDcePp(), 0.3 * torch.rand(4, 3, 32, 32), []
    for name, layer in model.named_children():
        layer.register_forward_hook(lambda _, __, out, name=name: dead.append((name, (out.amax((0, 2, 3)) <= 0).sum())))
    with torch.no_grad():
        model(low)
    assert sum(int(count) for name, count in dead if name != "e_conv7") <= 10  # of 192; the released start: about 100


def test_outputs_stay_in_their_range():
    torch.manual_seed(0)
    model, low = ZeroDcePp(), torch.rand(2, 3, 10, 11)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 1)
        result = model(low)
    assert result["curve_map"].abs().max() > 0.9  # the map saturates, so the bound is put to the test
    for name, signal in model.outputs().items():
        assert signal.range[0] <= result[name].min()
        assert result[name].max() <= signal.range[1]


@pytest.mark.parametrize("scale_factor", [1, 3])
def test_it_learns_to_brighten(scale_factor):
    torch.manual_seed(0)
    model, low = ZeroDcePp(width=8, scale_factor=scale_factor), 0.2 * torch.rand(2, 3, 24, 24)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        loss = (model(low)["enhanced"] - le_curve(low, torch.full_like(low, -0.3), 8)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-3  # 0.05 at the start
    assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())


@pytest.mark.real
def test_figures_of_the_official_network():
    file = REAL / "weights" / "zero_dce_pp_official.pth"
    if not file.is_file():
        pytest.skip(f"{file} is absent")
    model = ZeroDcePp().double()
    model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    with torch.no_grad():
        result = model(wave())
    means = torch.stack([result[name].mean((1, 2, 3)) for name in ("enhanced", "curve_map")])
    expected = [[0.4416866302913294, 0.43571156409070316], [-0.2325465261193705, -0.2341934784359069]]
    torch.testing.assert_close(means, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-6)
    pixels = torch.stack([result["enhanced"][0, :, 10, 20], result["curve_map"][1, :, 30, 7]])
    expected = [
        [0.5795010657944097, 0.0013357924606561436, 0.6800448926663666],
        [-0.20152180018321883, -0.20735366919749476, -0.2507789703729997],
    ]
    torch.testing.assert_close(pixels, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-6)
