"""SSIM: the golden figure, torchmetrics, constants in closed form, and its config."""

import pytest
import torch
from pydantic import ValidationError

from zerokd.losses.ssim import _MATRIX_CACHE, MAX_CACHED_MATRICES, SsimLoss, ssim


def random_pair(*shape, dtype=torch.float64):
    x, noise = torch.rand(2, *shape, dtype=dtype, generator=torch.Generator().manual_seed(0)).unbind(0)
    return x, 0.6 * x + 0.4 * noise


def test_golden(golden):
    value = SsimLoss()(prediction=golden["enh"], target=golden["tea"])
    torch.testing.assert_close(1 - value, golden.values("ssim"), atol=1e-6, rtol=0)


# torchmetrics takes the window from sigma, and since 1.7 averages over the mirrored border too
@pytest.mark.parametrize(("window", "sigma"), [(11, 1.5), (5, 0.5), (7, 0.8), (15, 2.0)])
@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_against_torchmetrics(window, sigma, data_range):
    broken = (ImportError, RuntimeError)  # of a torchvision that does not fit its torch
    image = pytest.importorskip("torchmetrics.functional.image", exc_type=broken)
    x, y = random_pair(3, 3, 33, 28)
    expected = image.structural_similarity_index_measure(x, y, sigma=sigma, data_range=data_range, reduction="none")
    torch.testing.assert_close(ssim(x, y, window, sigma, data_range), expected, atol=1e-9, rtol=0)


def test_one_position_by_hand():
    """An image of 2x2 mirrored to 4x4: the window of 3x3 around pixel (0, 0) sees the other pixels twice and more."""
    x, y = random_pair(1, 1, 2, 2)
    row = torch.exp(-torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64) / 2)
    weights = torch.outer(row, row) / row.sum() ** 2
    result = []
    for i in range(2):
        for j in range(2):
            order = [1, 0, 1, 0]
            patches = [image[0, 0][order][:, order][i : i + 3, j : j + 3] for image in (x, y)]
            means = [(weights * patch).sum() for patch in patches]
            var_x, var_y = ((weights * (patch - mean) ** 2).sum() for patch, mean in zip(patches, means, strict=True))
            covariance = (weights * (patches[0] - means[0]) * (patches[1] - means[1])).sum()
            top = (2 * means[0] * means[1] + 1e-4) * (2 * covariance + 9e-4)
            result.append(top / ((means[0] ** 2 + means[1] ** 2 + 1e-4) * (var_x + var_y + 9e-4)))
    expected = torch.stack(result).mean().item()
    assert ssim(x, y, window=3, sigma=1.0).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("a", "b"), [(0.0, 0.0), (0.0, 1.0), (0.3, 0.7), (1.0, 1.0), (0.9, 0.90001)])
def test_constants_differ_in_brightness_alone(a, b):
    x, y = torch.full((1, 3, 16, 17), a), torch.full((1, 3, 16, 17), b)
    expected = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)
    assert ssim(x, y).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_image_and_itself_give_exactly_zero(dtype):
    x, _ = random_pair(2, 3, 40, 23, dtype=dtype)
    assert SsimLoss()(prediction=x, target=x.clone()).tolist() == [0.0, 0.0]


def test_an_inverted_image_is_worse_than_an_unrelated_one():
    x = random_pair(1, 3, 32, 32)[0].round()
    assert SsimLoss()(prediction=1 - x, target=x).item() > 1.5


def test_half_precision_is_computed_in_single():
    x, y = (image.half() for image in random_pair(2, 3, 16, 16))
    value = SsimLoss()(prediction=x, target=y)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, 1 - ssim(x.double(), y.double()).float(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_single_precision_gradient_on_a_constant_is_that_of_double(level):
    gradients = []
    for dtype in (torch.float32, torch.float64):
        x = torch.full((1, 1, 13, 13), level, dtype=dtype, requires_grad=True)
        y = torch.full((1, 1, 13, 13), 0.4, dtype=dtype)
        y[..., 6, 6] = 0.9
        ssim(x, y).sum().backward()
        gradients.append(x.grad.double())
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("options", [{"window": 10}, {"window": 1}, {"sigma": 0.0}, {"data_range": 0.0}])
def test_config_refuses(options):
    with pytest.raises(ValidationError):
        SsimLoss(**options)


def test_min_size_is_the_window():
    assert SsimLoss(window=7).min_size() == 7


def test_a_blur_that_was_first_made_without_gradient_can_be_trained_through():
    x, y = random_pair(1, 3, 19, 23)
    with torch.inference_mode():
        expected = ssim(x, y, window=9).clone()
    value = ssim(x.requires_grad_(), y, window=9)
    assert torch.equal(value.detach(), expected)
    assert torch.autograd.grad(value.sum(), x)[0].abs().sum() > 0


def test_of_many_sizes_few_blurs_are_remembered():
    for size in range(40, 40 + 3 * MAX_CACHED_MATRICES):
        x, y = random_pair(1, 1, size, size)
        assert len(_MATRIX_CACHE) <= MAX_CACHED_MATRICES
        assert torch.equal(ssim(x, y), ssim(x, y))
