"""Structural similarity as a measure: the loss turned round, and numbers by hand."""

import torch

from zerokd.losses.ssim import SsimLoss as Loss
from zerokd.metrics.ssim import SsimMetric


def test_it_is_one_minus_the_loss(golden):
    value = SsimMetric()(image=golden["enh"], target=golden["tea"])
    torch.testing.assert_close(value, 1 - Loss()(prediction=golden["enh"], target=golden["tea"]), atol=1e-12, rtol=0)


def test_flat_pictures_by_hand():
    """Without structure only the means count: (2*0.2*0.6 + 1e-4) / (0.2^2 + 0.6^2 + 1e-4)."""
    value = SsimMetric()(image=torch.full((1, 3, 16, 16), 0.2), target=torch.full((1, 3, 16, 16), 0.6))
    torch.testing.assert_close(value, torch.tensor([0.2401 / 0.4001]), atol=1e-4, rtol=0)


def test_an_equal_picture_is_best_and_its_window_is_its_least_size():
    image = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(SsimMetric(window=7)(image=image, target=image), torch.ones(2))
    assert SsimMetric(window=7).min_size() == 7
