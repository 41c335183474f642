"""GT-mean PSNR: brightness does not count, everything else does."""

import math

import numpy as np
import torch

from zerokd.metrics.gt_mean_psnr import gt_mean_psnr


def test_a_darker_copy_is_perfect():
    target = torch.rand(2, 3, 9, 8, dtype=torch.float64) / 2 + 0.2
    assert (gt_mean_psnr(target * 0.3, target) == 120).all()


def test_a_number_worked_out_by_hand():
    image = torch.tensor([0.1, 0.3], dtype=torch.float64).view(1, 1, 1, 2)  # doubled: 0.2, 0.6
    target = torch.tensor([0.3, 0.5], dtype=torch.float64).view(1, 1, 1, 2)
    assert math.isclose(gt_mean_psnr(image, target).item(), 20.0, rel_tol=1e-9)  # errors of 0.1


def test_against_another_implementation():
    generator = np.random.default_rng(0)
    image, target = generator.random((2, 4, 3, 7, 9))
    result = []
    for pixels, expected in zip(image, target, strict=True):
        scaled = np.clip(pixels * (expected.mean() / pixels.mean()), 0, 1)
        result.append(10 * math.log10(1 / ((scaled - expected) ** 2).mean()))
    assert np.allclose(gt_mean_psnr(torch.from_numpy(image), torch.from_numpy(target)), result, atol=1e-9)


def test_black_is_finite():
    assert torch.isfinite(gt_mean_psnr(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.5))).all()
