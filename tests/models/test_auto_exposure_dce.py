"""Auto exposure reaches its level, leaves bright pictures alone, and only noise that is amplified is smoothed."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from zerokd.errors import ExportError
from zerokd.exporters.c import C
from zerokd.exporters.onnx import Onnx
from zerokd.models.auto_exposure_dce import (
    AutoExposureDce,
    curve_derivative,
    find_strength,
    mean_bounded_difference,
    smooth_curve_map,
)
from zerokd.models.le_curve import le_curve
from zerokd.models.nano_dce import NanoDce
from zerokd.student.export import export_model
from zerokd.student.load import TrainedModel


def brightening(**options: object) -> AutoExposureDce:
    """One whose map is about -0.25 everywhere."""
    torch.manual_seed(0)
    model = AutoExposureDce(**options)
    with torch.no_grad():
        model.dce.e_conv3.point_conv.bias -= 0.25
    return model.eval()


def test_it_has_the_parameters_of_nano_dce_and_copies_it_in_plain():
    model = AutoExposureDce(iterations=5)
    alone = NanoDce(iterations=5)
    alone.load_state_dict(model.dce.state_dict())
    low = torch.rand(2, 3, 9, 14)
    assert model.parameter_count() == alone.parameter_count() == 161
    assert torch.equal(model(low)["plain"], alone(low)["enhanced"])


@pytest.mark.parametrize("level", [0.02, 0.1, 0.3, 0.4599])
@pytest.mark.parametrize("size", [(8, 8), (64, 64), (70, 200)])
def test_a_dark_picture_is_brought_to_the_exposure(level, size):
    model = brightening(strongest=8.0)
    low = (level * (1 + 0.5 * torch.rand(1, 3, *size))).clamp(max=1)
    low = low * (level / low.mean())
    assert model(low)["enhanced"].mean().item() == pytest.approx(0.46, abs=4e-3)


def test_a_bright_picture_is_left_as_it_is_to_the_bit():
    model, bright = brightening(), 0.461 + 0.5 * torch.rand(2, 3, 40, 30)
    assert torch.equal(model(bright)["enhanced"], bright)


@pytest.mark.parametrize(("grey", "curve_map", "iterations"), [(0.1, -0.2, 8), (0.02, -0.3, 8), (0.3, -0.05, 4)])
def test_strength_is_where_the_curve_meets_the_exposure(grey, curve_map, iterations):
    def brightness(strength: float) -> float:
        x, a = grey, max(-1.0, strength * curve_map)
        for _ in range(iterations):
            x += a * (x * x - x)
        return x - 0.46

    expected = brentq(brightness, 0.0, 8.0)
    flat = torch.full((1, 3, 10, 10), grey, dtype=torch.float64)
    result = find_strength(flat, torch.full_like(flat, curve_map), iterations, 0.46, 8.0).item()
    assert result == pytest.approx(expected, abs=8.0 / 2**12)


def test_a_map_that_does_not_brighten_gets_all_the_strength_and_stays_in_range():
    low = torch.full((1, 3, 10, 10), 0.1)
    assert find_strength(low, torch.zeros_like(low), 8, 0.46, 8.0).item() == pytest.approx(8.0, abs=0.01)
    assert find_strength(low, torch.full_like(low, 0.5), 8, 0.46, 8.0).item() == pytest.approx(8.0, abs=0.01)


def test_a_night_stays_dark():
    night = torch.full((1, 3, 16, 16), 0.004)
    weak, strong = (brightening(strongest=value)(night)["enhanced"].mean().item() for value in (1.5, 8.0))
    assert weak < 0.1 < 0.4 < strong


def test_each_picture_of_a_batch_is_exposed_by_itself():
    model, low = brightening(), torch.rand(3, 3, 20, 33) * torch.tensor([0.1, 0.4, 1.0]).view(3, 1, 1, 1)
    together = model(low)["enhanced"]
    for index in range(3):
        assert torch.allclose(together[index], model(low[index : index + 1])["enhanced"][0], atol=1e-6)


def test_the_map_is_spread_over_what_lies_in_the_picture():
    curve_map = torch.rand(1, 3, 9, 7, dtype=torch.float64)
    grey = curve_map[0].mean(0)
    result = smooth_curve_map(curve_map, 2)[0, 0]
    for row in range(9):
        for column in range(7):
            around = grey[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
            assert result[row, column].item() == pytest.approx(around.mean().item(), rel=1e-12)
    assert torch.allclose(smooth_curve_map(curve_map, 0)[0, 0], grey)


def test_slope_is_the_derivative_of_the_curve():
    x = torch.rand(1, 3, 6, 6, dtype=torch.float64, requires_grad=True)
    a = torch.rand(1, 3, 6, 6, dtype=torch.float64) * 2 - 1
    (expected,) = torch.autograd.grad(le_curve(x, a, 8).sum(), x)
    assert torch.allclose(curve_derivative(x.detach(), a, 8), expected, rtol=1e-12, atol=1e-12)


def test_small_differences_by_hand():
    x = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    x[0, 0, 0, 0] = 0.001
    result = mean_bounded_difference(x, 1000.0)[0, 0]
    assert result[1, 1].item() == pytest.approx(0.001 / 9, rel=1e-9)
    assert result[0, 0].item() == pytest.approx(-0.001 * 5 / 9, rel=1e-9)  # 4 of 9 places repeat the corner
    assert result[2, 2].item() == 0.0
    edge = torch.zeros(1, 1, 3, 6, dtype=torch.float64)
    edge[..., 3:] = 1.0
    assert mean_bounded_difference(edge, 0.01)[0, 0, 1, 2].item() == pytest.approx(3 * 0.01 / 9, rel=1e-9)


@torch.no_grad()
def test_noise_of_the_dark_is_averaged_over_nine_pixels_and_an_edge_is_kept():
    torch.manual_seed(1)
    dark = torch.full((1, 3, 200, 200), 0.03, dtype=torch.float64)
    dark[..., 100:] = 0.2
    noisy = dark + 0.002 * torch.randn_like(dark)
    output = {}
    for value in (0.0, 0.01, 0.1):
        model = brightening(smoothing=value, strongest=8.0).double()
        model.dce.e_conv3.point_conv.weight.zero_()  # one curve for all pixels: no noise in the map
        model.dce.e_conv3.point_conv.bias.fill_(-0.25)
        output[value] = model(noisy)["enhanced"]
    noise = {value: image[..., 5:90].std() for value, image in output.items()}
    # at 0.03 the slope is about 9: a share of tanh(0.3 * 8) = 0.98 of a 3x3 mean, whose noise is a third
    assert noise[0.1] / noise[0.0] == pytest.approx(0.34, abs=0.04)
    step = {value: image[..., 100].mean() - image[..., 99].mean() for value, image in output.items()}
    assert step[0.01] / step[0.0] > 0.95


def test_the_objective_reaches_the_map_through_both_outputs():
    model = brightening()
    for name in ("plain", "enhanced"):
        model.zero_grad()
        model(0.2 * torch.rand(1, 3, 16, 16))[name].square().mean().backward()
        assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def trained() -> TrainedModel:
    return TrainedModel(brightening(), "here", {})


def test_onnx_holds_it_for_every_size(tmp_path):
    pytest.importorskip("onnxruntime")
    assert export_model(trained(), Onnx(), tmp_path / "student.onnx").max_difference <= 1e-5


def test_c_says_why_it_cannot(tmp_path):
    with pytest.raises(ExportError, match="this model has no C export"):
        export_model(trained(), C(), tmp_path / "student.h")
    assert list(tmp_path.iterdir()) == []


def test_the_level_is_a_grey_of_eighteen_percent():
    grey = 1.055 * 0.18 ** (1 / 2.4) - 0.055  # IEC 61966-2-1
    assert AutoExposureDce.Config().exposure == pytest.approx(grey, abs=2e-3)
    assert np.isclose(grey, 0.4614, atol=1e-4)
