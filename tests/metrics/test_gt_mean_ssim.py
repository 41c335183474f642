"""GT-mean SSIM: brightness does not count, structure does."""

import numpy as np
import torch

from zerokd.metrics.gt_mean_ssim import GtMeanSsim


def test_a_darker_copy_is_perfect():
    target = torch.rand(2, 3, 16, 17, dtype=torch.float64) / 2 + 0.2
    assert torch.allclose(GtMeanSsim()(image=target * 0.3, target=target), torch.ones(2, dtype=torch.float64))


def test_against_another_implementation():
    from torchmetrics.functional.image import structural_similarity_index_measure

    generator = np.random.default_rng(0)
    image, target = generator.random((2, 3, 3, 20, 23))
    scaled = [
        np.clip(pixels * (bright.mean() / pixels.mean()), 0, 1) for pixels, bright in zip(image, target, strict=True)
    ]
    expected = structural_similarity_index_measure(
        torch.tensor(np.stack(scaled)), torch.tensor(target), data_range=1.0, reduction="none"
    )
    values = GtMeanSsim()(image=torch.tensor(image), target=torch.tensor(target))
    assert torch.allclose(values, expected, atol=1e-4)


def test_black_is_finite_and_small_images_are_refused_by_size():
    assert torch.isfinite(GtMeanSsim()(image=torch.zeros(1, 3, 16, 16), target=torch.full((1, 3, 16, 16), 0.5))).all()
    assert GtMeanSsim().min_size() == 11
