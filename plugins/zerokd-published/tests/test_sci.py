"""SCI: its size, the stages by hand, and what the enhanced image depends on."""

import pytest
import torch
from zerokd_published.sci import Sci


def noise(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def model(**options):
    torch.manual_seed(0)
    return Sci(**options).double()


def flatten_sigmoids(network, light, calibration):
    """Both networks return constants: the sigmoids of these numbers."""
    with torch.no_grad():
        for part, value in ((network.illuminate, light), (network.calibrate, calibration)):
            part.leave.weight.zero_()
            part.leave.bias.fill_(value)
    return network


def test_parameter_count():
    # H: 3 of 3 * 3 * 9 + 3; K: 3 -> 16, twice 16 -> 16, 16 -> 3, by hand
    network = Sci()
    assert sum(weight.numel() for weight in network.illuminate.parameters()) == 3 * 84 == 252
    assert sum(weight.numel() for weight in network.calibrate.parameters()) == 448 + 2 * 2320 + 435
    assert Sci(stages=1).parameter_count() == 252


def test_stages_by_hand():
    network = flatten_sigmoids(model(), light=0.0, calibration=-100.0)  # H is 1/2, K is 0
    output = network(torch.full((1, 3, 2, 2), 0.25, dtype=torch.float64))
    first = 0.25 / 0.75  # x = 1/4 + 1/2
    calibrated = 0.25 + first
    light = min(1.0, calibrated + 0.5)
    expected = {"enhanced": first, "illumination": 0.75, "calibrated_2": calibrated, "illumination_2": light}
    expected |= {"calibrated_3": 0.25 + 0.25 / light, "illumination_3": 1.0}
    assert {name: tensor.flatten()[0].item() for name, tensor in output.items()} == pytest.approx(expected)


def test_what_calibrates_lowers_the_next_input():
    low = torch.full((1, 3, 2, 2), 0.25, dtype=torch.float64)
    bright = flatten_sigmoids(model(), light=0.0, calibration=100.0)(low)["calibrated_2"]  # K is 1
    assert bright.flatten().tolist() == [0.0] * 12  # 1/4 + 1/3 - 1, within [0, 1]


def test_the_enhanced_image_is_that_of_the_first_stage_alone():
    low = noise(2, 3, 6, 5)
    network = model()
    single = model(stages=1)
    single.illuminate.load_state_dict(network.illuminate.state_dict())
    torch.testing.assert_close(network(low)["enhanced"], single(low)["enhanced"])
    network(low)["enhanced"].sum().backward()
    assert all(weight.grad is None for weight in network.calibrate.parameters())


def test_every_stage_trains_what_calibrates_and_the_one_illumination_network():
    for name in ("illumination_2", "illumination_3"):
        network = model()
        network(0.3 * noise(2, 3, 8, 8))[name].square().sum().backward()
        assert all(weight.grad.abs().sum() > 0 for weight in network.parameters()), name


def test_no_pixel_gets_darker_and_black_stays():
    low = noise(1, 3, 9, 8)
    low[..., 0, 0] = 0.0
    output = model()(low)["enhanced"]
    assert (output >= low - 1e-12).all()
    assert (output[..., 0, 0] == 0).all()


def test_a_wider_network_has_the_same_residual_form():
    network = model(width=4)
    x = noise(1, 3, 5, 5)
    inner = network.illuminate
    hidden = torch.relu(inner.enter(x))
    expected = torch.sigmoid(inner.leave(hidden + inner.block(hidden)))
    torch.testing.assert_close(inner(x), expected)
