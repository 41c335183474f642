"""The student: its size, what a pixel sees, that every ReLU starts open, and the released network's figures."""

import os
from pathlib import Path

import pytest
import torch

from zerokd.models.le_curve import le_curve
from zerokd.models.nano_dce import NanoDce

REAL = Path(os.environ.get("ZEROKD_REAL", Path(__file__).parents[3] / "shared"))


def wave() -> torch.Tensor:
    n, c, i, j = (
        torch.arange(size, dtype=torch.float64).view([-1 if axis == own else 1 for axis in range(4)])
        for own, size in enumerate((2, 3, 64, 48))
    )
    stage = 0.37 + 0.11 * (n + 1) * i + 0.07 * (c + 1) * j + 0.9 * n + 0.5 * c
    return 0.3 * (0.5 + 0.5 * torch.sin(stage))


def hidden(model: NanoDce, low: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    first = model.e_conv1(low)
    return first, model.e_conv2(first.relu())


@pytest.mark.parametrize(("width", "count"), [(4, 161), (1, 62), (8, 321)])
def test_parameter_count(width, count):
    # (30 + 4w) + (10w + w(w+1)) + (10w + 3(w+1)) by hand
    assert sum(weight.numel() for weight in NanoDce(width=width).parameters()) == count


def test_a_pixel_sees_seven_by_seven():
    torch.manual_seed(0)
    low = torch.rand(1, 3, 15, 15, requires_grad=True)  # every ReLU is open, so no path is cut by chance
    NanoDce()(low)["curve_map"][0, :, 7, 7].sum().backward()
    calls = low.grad.abs().sum((0, 1)) > 0
    expected = torch.zeros(15, 15, dtype=torch.bool)
    expected[4:11, 4:11] = True
    assert torch.equal(calls, expected)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("width", [4, 16])
def test_every_relu_starts_open_for_the_worst_image(seed, width):
    torch.manual_seed(seed)
    model = NanoDce(width=width)
    for layer, channel in [(0, 0), (1, 0), (0, width - 1), (1, width - 1)]:
        low = torch.rand(1, 3, 9, 9, requires_grad=True)  # walk to the image that closes this channel most
        for _ in range(3):
            (slope,) = torch.autograd.grad(hidden(model, low)[layer][0, channel, 4, 4], low)
            low = (slope < 0).float().requires_grad_()
        assert all((value > 0).all() for value in hidden(model, low))


@pytest.mark.parametrize("level", [0.0, 0.05, 0.5, 1.0])
def test_every_relu_starts_open_for_flat_images(level):
    torch.manual_seed(3)
    assert all((value > 0).all() for value in hidden(NanoDce(), torch.full((1, 3, 12, 12), level)))


def test_same_seed_same_weights():
    first, second = (torch.manual_seed(5) and NanoDce().state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_outputs_stay_in_their_range(scale):
    torch.manual_seed(0)
    model = NanoDce()
    with torch.no_grad():
        for weight in model.parameters():
            weight *= scale
        low = torch.rand(2, 3, 10, 11)
        result = model(low)
    for name, signal in model.outputs().items():
        assert result[name].shape == low.shape
        assert signal.range[0] <= result[name].min()
        assert result[name].max() <= signal.range[1]


def test_outputs_say_how_often_the_curve_is_applied():
    outputs = NanoDce(iterations=6).outputs()
    assert outputs["curve_map"].iterations == 6
    assert outputs["enhanced"].iterations is None


def test_a_step_reaches_every_weight():
    torch.manual_seed(0)
    model, low = NanoDce(), torch.rand(2, 3, 16, 16)
    model(low)["enhanced"].square().mean().backward()
    assert all((weight.grad != 0).all() for weight in model.parameters())


@pytest.mark.parametrize("seed", range(3))
def test_it_learns_an_adaptive_curve_and_stays_alive(seed):
    torch.manual_seed(seed)
    model = NanoDce()
    low = torch.rand(8, 1, 1, 1) * (0.2 + 0.8 * torch.rand(8, 3, 12, 12))
    target = le_curve(low, low.mean(1, keepdim=True) - 0.6, 4)  # dark pixels are lifted most
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(400):
        loss = (model(low)["enhanced"] - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    flat = min((le_curve(low, a, 4) - target).square().mean() for a in torch.linspace(-1, 1, 101))
    assert loss < 0.2 * flat  # well below the best constant map
    assert all((value.amax((0, 2, 3)) > 0).all() for value in hidden(model, low))


@pytest.mark.real
def test_figures_of_the_released_network():
    file = REAL / "weights" / "nano_dce_released.pth"
    if not file.is_file():
        pytest.skip(f"{file} is absent")
    model = NanoDce().double()
    model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    with torch.no_grad():
        result = model(wave())
    means = torch.stack([result[name].mean((1, 2, 3)) for name in ("enhanced", "curve_map")])
    expected = [[0.5018356373100242, 0.4923845994530349], [-0.5674451164903864, -0.5686796796543413]]
    torch.testing.assert_close(means, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-6)
    pixels = torch.stack([result["enhanced"][0, :, 10, 20], result["curve_map"][1, :, 30, 7]])
    expected = [
        [0.6826614600676414, 0.0016244687533277613, 0.7269282464265487],
        [-0.5508552994880079, -0.5644978074245577, -0.5816741253386336],
    ]
    torch.testing.assert_close(pixels, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-6)
