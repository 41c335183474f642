"""Peak signal-to-noise ratio: hand-computed numbers, and the cap."""

import torch

from zerokd.metrics.psnr import Psnr, psnr


def test_by_hand():
    black, grey = torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.1)
    value = psnr(torch.cat([black, black, black]), torch.cat([grey, grey / 10, black + 1]))
    torch.testing.assert_close(value, torch.tensor([20.0, 40.0, 0.0]), atol=1e-4, rtol=0)


def test_equal_pictures_have_the_cap_and_not_infinity():
    image = torch.rand(2, 3, 5, 4)
    torch.testing.assert_close(Psnr()(image=image, target=image), torch.tensor([120.0, 120.0]))
    assert Psnr.bounds[1] == 120.0


def test_twice_the_error_costs_six_decibels_whatever_the_size():
    target = torch.zeros(1, 3, 6, 8)
    near, far = psnr(target + 0.1, target), psnr(torch.full((1, 1, 20, 30), 0.2), torch.zeros(1, 1, 20, 30))
    torch.testing.assert_close(near - far, 20 * torch.tensor([2.0]).log10(), atol=1e-4, rtol=0)
