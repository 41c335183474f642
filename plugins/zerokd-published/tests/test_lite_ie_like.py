"""LiteIE: 58 numbers, one channel that starts open and cannot close, and the iterated curve by hand."""

import pytest
import torch
from zerokd_published.lite_ie_like import LiteIeLike


def test_parameter_count():
    assert LiteIeLike().parameter_count() == (3 * 9 + 1) + (9 * 3 + 3) == 58  # by hand


@pytest.mark.parametrize("seed", range(20))
def test_its_channel_starts_positive_for_every_image(seed):
    torch.manual_seed(seed)
    model = LiteIeLike()
    assert (model.enter.weight >= 0).all()
    assert model.enter.bias >= 0
    assert (model.enter(torch.rand(1, 3, 8, 8)) > 0).all()


def test_a_channel_that_is_negative_for_every_image_still_trains():
    torch.manual_seed(0)
    model = LiteIeLike()
    with torch.no_grad():
        model.enter.bias.fill_(-10.0)
    model(torch.rand(1, 3, 8, 8))["enhanced"].mean().backward()
    assert model.enter.bias.grad.abs() > 0
    assert (model.enter.weight.grad.abs() > 0).all()


def test_the_curve_by_hand():
    model = LiteIeLike(iterations=2)
    with torch.no_grad():
        model.leave.weight.zero_()
        model.leave.bias.fill_(torch.tensor(-0.5).atanh().item())
    # 0.5 + 0.5 * 0.25 = 0.625, then 0.625 + 0.5 * 0.625 * 0.375 = 0.7421875
    torch.testing.assert_close(model(torch.full((1, 3, 3, 3), 0.5))["enhanced"], torch.full((1, 3, 3, 3), 0.7421875))


def test_black_and_white_stay_and_the_map_is_reused():
    torch.manual_seed(0)
    low = torch.rand(1, 3, 6, 6)
    low[..., 0, 0], low[..., 1, 1] = 0.0, 1.0
    output = LiteIeLike(iterations=3)(low)
    expected = low
    for _ in range(3):
        expected = expected + output["curve_map"] * (expected**2 - expected)
    torch.testing.assert_close(output["enhanced"], expected)
    assert (output["enhanced"][..., 0, 0] == 0).all()
    assert (output["enhanced"][..., 1, 1] == 1).all()


def test_a_pixel_sees_five_by_five():
    torch.manual_seed(0)
    low = torch.rand(1, 3, 11, 11, requires_grad=True)
    LiteIeLike()(low)["curve_map"][..., 5, 5].sum().backward()
    seen = low.grad.abs().sum((0, 1)) > 0
    expected = torch.zeros(11, 11, dtype=torch.bool)
    expected[3:8, 3:8] = True
    assert torch.equal(seen, expected)
