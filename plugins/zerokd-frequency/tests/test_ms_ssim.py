"""Structural similarity at several scales: by hand, by the formula of the paper, and on opposite structure."""

import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F
from zerokd_frequency.ms_ssim import EXPONENTS, MsSsim, ms_ssim

from zerokd.losses.ssim import ssim


def images(size, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(2, 3, *size, generator=generator, dtype=torch.float64)
    noise = torch.rand(2, 3, *size, generator=generator, dtype=torch.float64)
    return (0.7 * target + 0.3 * noise).to(dtype), target.to(dtype)


def test_one_scale_is_ssim():
    prediction, target = images((24, 20))
    torch.testing.assert_close(ms_ssim(prediction, target, levels=1), ssim(prediction, target))


def test_flat_images_by_hand():
    """Without contrast the structure is alike, and the brightness of the coarsest scale decides."""
    prediction, target = torch.full((1, 1, 96, 96), 0.2), torch.full((1, 1, 96, 96), 0.8)
    brightness = (2 * 0.2 * 0.8 + 1e-4) / (0.2**2 + 0.8**2 + 1e-4)
    assert ms_ssim(prediction, target).item() == pytest.approx(brightness ** EXPONENTS[-1], rel=1e-5)
    assert ms_ssim(prediction[..., :20, :20], target[..., :20, :20], levels=2).item() == pytest.approx(
        brightness ** (0.2856 / (0.0448 + 0.2856)), rel=1e-5
    )


def local_means(image, sigma=1.5):
    """Gaussian means of 11x11 pixels, by SciPy."""
    radius, options = 5, {"mode": "mirror", "axes": (2, 3)}
    return torch.from_numpy(gaussian_filter(image.numpy(), sigma, radius=radius, **options))


def test_the_formula_of_the_paper_gives_the_same():
    x, y = images((96, 104))
    expected = torch.ones(2, dtype=torch.float64)
    for level, exponent in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        mean_x, mean_y = local_means(x), local_means(y)
        variances = local_means(x * x) - mean_x**2 + local_means(y * y) - mean_y**2
        similarity = (2 * (local_means(x * y) - mean_x * mean_y) + 0.03**2) / (variances + 0.03**2)
        if level == 4:
            similarity = similarity * (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
        expected = expected * similarity.mean(dim=(1, 2, 3)) ** exponent
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    prediction, target = images((96, 104))
    torch.testing.assert_close(1 - MsSsim()(prediction=prediction, target=target), expected, rtol=1e-9, atol=0)


def test_opposite_structure_is_finite_with_its_gradient():
    _, target = images((24, 24), torch.float32)
    prediction = (1 - target).requires_grad_()
    value = 1 - ms_ssim(prediction, target, levels=2)
    value.sum().backward()
    assert (value > 0.9).all()
    assert torch.isfinite(prediction.grad).all()


def test_the_least_size_is_half_a_window_at_the_coarsest_scale():
    assert MsSsim().min_size() == 96
    assert MsSsim(levels=2, window=7).min_size() == 8
    prediction, target = images((8, 9))
    assert torch.isfinite(MsSsim(levels=2, window=7)(prediction=prediction, target=target)).all()


def test_an_even_window_is_refused():
    with pytest.raises(ValueError, match="must be odd"):
        MsSsim(window=8)
