"""The U-Net: its size, its start, what a pixel sees, and what the attention keeps."""

from itertools import pairwise

import pytest
import torch

from zerokd.models.unet import UNet


def trained(**options):
    """A model whose change is not small."""
    torch.manual_seed(0)
    model = UNet(**options).double()
    with torch.no_grad():
        model.leave.weight *= 100
    return model


@pytest.mark.parametrize(("width", "depth", "count"), [(4, 1, 1739), (4, 2, 7547), (8, 2, 29779)])
def test_parameter_count(width, depth, count):
    # a pair from i to o channels has 9io + o + 9oo + o; the last layer 3w + 3: by hand
    def pair(i, o):
        return 9 * i * o + 9 * o * o + 2 * o

    widths = [width * 2**level for level in range(depth + 1)]
    encoder = sum(pair(i, o) for i, o in zip([3, *widths], widths, strict=False))
    decoder = sum(pair(a + b, a) for a, b in pairwise(widths))
    assert UNet(width=width, depth=depth).parameter_count() == encoder + decoder + 3 * width + 3 == count


def test_it_starts_near_its_input():
    torch.manual_seed(0)
    low = torch.rand(2, 3, 16, 16)
    assert 0 < (UNet()(low)["enhanced"] - low).abs().mean() < 0.02


def test_enhanced_is_the_image_and_the_change_within_its_range():
    low = torch.rand(2, 3, 9, 6, dtype=torch.float64)
    output = trained()(low)
    torch.testing.assert_close(output["enhanced"], (low + output["change"]).clamp(0, 1))
    assert output["change"].abs().max() > 0.05


def test_an_image_of_any_size_is_the_corner_of_one_with_repeated_borders():
    model, low = trained(depth=2), torch.rand(1, 3, 6, 5, dtype=torch.float64)
    wide = torch.cat([low, low[..., -1:].expand(-1, -1, -1, 3)], -1)
    wide = torch.cat([wide, wide[..., -1:, :].expand(-1, -1, 2, -1)], -2)
    torch.testing.assert_close(model(low)["change"], model(wide)["change"][..., :6, :5])


def test_with_depth_it_sees_further():
    def reach(depth):
        low = torch.full((1, 3, 128, 128), 0.5, dtype=torch.float64, requires_grad=True)
        trained(depth=depth, width=2)(low)["change"][..., 64, 64].sum().backward()
        return int((low.grad.abs().sum((0, 1)) > 0).any(0).sum())

    assert 10 < reach(1) < reach(2) < reach(3)


def test_attention_keeps_white_and_lets_dark_change():
    low = torch.full((1, 3, 16, 16), 0.1, dtype=torch.float64)
    low[..., 8:, :] = 1.0
    change = trained(attention=True)(low)["change"]
    assert (change[..., 8:, :] == 0).all()
    assert change[..., :8, :].abs().mean() > 0.01
    assert trained(attention=False)(low)["change"][..., 8:, :].abs().mean() > 0.01


def test_with_attention_nothing_is_clipped_at_1():
    model = trained(attention=True)
    with torch.no_grad():
        model.leave.bias.fill_(3.0)
    low = torch.rand(2, 3, 8, 8, dtype=torch.float64)
    assert (low + model(low)["change"]).max() <= 1


def test_attention_weighs_the_change_by_the_darkest_possible_light():
    model = trained(attention=True)
    with torch.no_grad():
        model.leave.weight.zero_()
        model.leave.bias.fill_(torch.tensor(0.5).atanh().item())
    low = torch.tensor([0.2, 0.6, 0.4], dtype=torch.float64).view(1, 3, 1, 1)
    assert model(low)["change"].flatten().tolist() == pytest.approx([0.2] * 3)  # 0.5 * (1 - 0.6)
