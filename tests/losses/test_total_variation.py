"""Total variation: the golden figure (on its own scale), hand-computed numbers, invariances."""

import pytest
import torch

from zerokd.losses.total_variation import TotalVariation, total_variation


def test_golden_is_six_times_ours_on_three_channels(golden):
    value = TotalVariation()(image=golden["cur"])
    torch.testing.assert_close(6 * value, golden.values("total_variation"), atol=1e-6, rtol=0)


def test_by_hand():
    image = torch.tensor([[[[0.0, 1.0, 3.0], [0.0, 0.0, 0.0]]]], dtype=torch.float64)
    vertical, horizontal = (0 + 1 + 9) / 3, (1 + 4 + 0 + 0) / 4
    assert total_variation(image).item() == pytest.approx(vertical + horizontal)


@pytest.mark.parametrize("slope", [0.0, 0.1, -2.0])
@pytest.mark.parametrize("sides", [(2, 2), (7, 31)])
def test_a_ramp_has_its_slope_squared_at_any_size(slope, sides):
    ramp = slope * torch.arange(sides[1], dtype=torch.float64).expand(1, 3, *sides)
    assert total_variation(ramp).item() == pytest.approx(slope**2)
    assert total_variation(ramp.transpose(2, 3)).item() == pytest.approx(slope**2)


def test_flips_and_constants_change_nothing():
    image = torch.rand(2, 3, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for other in (image.flip(2), image.flip(3), image.transpose(2, 3), -image, image + 7):
        torch.testing.assert_close(total_variation(other), total_variation(image))
