"""The strength that meets a mean, and one curve for both images."""

import pytest
import torch
from scipy.optimize import brentq

from zerokd import Signal
from zerokd.adapters.brighten import Brighten, strength_for_mean

IMAGES = {
    "prediction": torch.rand(2, 3, 9, 12, dtype=torch.float64) * 0.2,
    "target": torch.rand(2, 3, 9, 12, dtype=torch.float64)
    * torch.tensor([0.1, 0.4], dtype=torch.float64).view(2, 1, 1, 1),
}


def test_the_last_image_decides_and_meets_the_mean():
    result = Brighten(mean=0.5)(IMAGES)
    assert result["target"].amax(1).mean((1, 2)).tolist() == pytest.approx([0.5, 0.5], abs=1e-3)
    other = Brighten(mean=0.5)({**IMAGES, "prediction": IMAGES["prediction"] * 0.5})
    assert torch.equal(other["target"], result["target"])


def test_strength_against_a_root_finder():
    target = IMAGES["target"][:1]
    value = target.amax(1)
    expected = brentq(lambda s: float((value * (1 + s) / (1 + s * value)).mean()) - 0.54, 0, 60)
    assert strength_for_mean(target, 0.54, 60.0).item() == pytest.approx(expected, abs=60 / 2**16)


def test_bright_images_stay_and_black_ones_have_the_greatest_strength():
    assert strength_for_mean(torch.full((1, 3, 4, 4), 0.8), 0.54, 60.0).item() == pytest.approx(0, abs=1e-3)
    assert strength_for_mean(torch.zeros(1, 3, 4, 4), 0.54, 60.0).item() == pytest.approx(60, abs=1e-2)


@pytest.mark.parametrize("signal", [Signal((4, 8, 8)), Signal((3, 8, 8), (-1.0, 1.0))])
def test_what_is_no_image_is_refused_with_a_remedy(signal):
    image = Signal((3, 8, 8), (0.0, 1.0))
    with pytest.raises(ValueError, match="target is not one; bind an image to it"):
        Brighten().describe({"prediction": image, "target": signal})
    assert Brighten().describe({"prediction": image, "target": Signal((3, 8, 8))})
