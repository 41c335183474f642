"""Values and gradients are torchmetrics' own; its known defects are reproduced without zerokd."""

import math
import pickle
import warnings

import pytest
import torch
from torchmetrics import functional
from torchmetrics.functional import image as library
from zerokd_torchmetrics import losses

CASES = {  # the library's function, and whether it is a similarity
    "UniversalImageQuality": (library.universal_image_quality_index, True),
    "SpectralAngle": (library.spectral_angle_mapper, False),
    "Ergas": (library.error_relative_global_dimensionless_synthesis, False),
    "SlidingWindowRmse": (library.root_mean_squared_error_using_sliding_window, False),
    "Rase": (library.relative_average_spectral_error, False),
    "SpatialCorrelation": (library.spatial_correlation_coefficient, True),
    "SpectralDistortion": (library.spectral_distortion_index, False),
    "LogCosh": (lambda x, y: functional.log_cosh_error(x.flatten(), y.flatten()), False),
    "MeanSquaredLogError": (functional.mean_squared_log_error, False),
    "SymmetricPercentageError": (functional.symmetric_mean_absolute_percentage_error, False),
    "ConcordanceCorrelation": (lambda x, y: functional.concordance_corrcoef(x.flatten(), y.flatten()), True),
}
BLACK, WHITE = torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16)


def noise(count=1, side=(16, 16), dtype=torch.float32):
    return torch.rand(count, 3, *side, generator=torch.Generator().manual_seed(count), dtype=torch.float64).to(dtype)


def gradient(function, prediction, target):
    leaf = prediction.clone().requires_grad_()
    function(leaf, target).sum().backward()
    return leaf.grad


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_those_of_torchmetrics(name):
    function, is_similarity = CASES[name]
    prediction, target = noise(4, (24, 28), torch.float64).split(2)
    leaf, other = prediction.clone().requires_grad_(), prediction.clone().requires_grad_()
    loss = getattr(losses, name)()
    values = loss(prediction=leaf, target=target)
    values.sum().backward()
    for row in range(2):  # one image at a time, with the reduction that torchmetrics has by default
        value = function(other[row : row + 1], target[row : row + 1])
        expected = 1 - value if is_similarity else value
        expected.backward()
        assert values[row].item() == pytest.approx(expected.item(), rel=1e-6, abs=1e-6)
    torch.testing.assert_close(leaf.grad, other.grad, rtol=1e-6, atol=1e-6)
    assert leaf.grad.abs().max() > 1e-7
    twin = pickle.loads(pickle.dumps(loss))
    assert torch.equal(twin(prediction=prediction, target=target), values.detach())


def test_known_numbers():
    red, green = (torch.eye(3)[row].view(1, 3, 1, 1).expand(1, 3, 16, 16) for row in (0, 1))
    half, quarter = WHITE / 2, WHITE / 4
    assert losses.SpectralAngle()(prediction=red, target=green).item() == pytest.approx(math.pi / 2)
    assert losses.SpectralAngle()(prediction=half, target=quarter).item() < 5e-4
    assert losses.Ergas()(prediction=half, target=quarter).item() == pytest.approx(25.0)
    assert losses.Ergas(ratio=100.0)(prediction=half, target=quarter).item() == pytest.approx(1.0)
    assert losses.SlidingWindowRmse()(prediction=half, target=quarter).item() == pytest.approx(0.25)
    assert losses.LogCosh()(prediction=WHITE, target=BLACK).item() == pytest.approx(math.log(math.cosh(1)))
    assert losses.MeanSquaredLogError()(prediction=WHITE, target=BLACK).item() == pytest.approx(math.log(2) ** 2)
    assert losses.SymmetricPercentageError()(prediction=half, target=quarter).item() == pytest.approx(2 / 3)
    image = noise(1, dtype=torch.float64)
    lifted = losses.ConcordanceCorrelation()(prediction=image + 0.1, target=image).item()
    variance = image.var().item()
    assert lifted == pytest.approx(1 - 2 * variance / (2 * variance + 0.01), rel=1e-6)
    assert losses.SpatialCorrelation()(prediction=1 - image, target=image).item() == pytest.approx(2.0, abs=1e-5)
    assert losses.SpectralDistortion()(prediction=image[:, :1].expand_as(image), target=image).item() > 0.5


def test_rase_is_64_times_the_published_value():
    """Ranchin and Wald: 100 / mean * RMSE; an error as large as the mean is 100 percent."""
    value = losses.Rase()(prediction=WHITE / 2, target=WHITE / 4)
    assert value.item() == pytest.approx(64 * 100.0)
    assert losses.Rase(window_size=4)(prediction=WHITE / 2, target=WHITE / 4).item() == pytest.approx(16 * 100.0)


def test_the_index_of_flat_images_divides_rounding_errors():
    values = [library.universal_image_quality_index(WHITE * level, WHITE * level) for level in torch.arange(0, 1, 0.05)]
    assert min(values) < -1


@pytest.mark.parametrize("name", ["SpectralAngle", "Ergas", "Rase", "ConcordanceCorrelation"])
def test_torchmetrics_has_no_value_for_black_images(name):
    with warnings.catch_warnings(action="ignore"):
        assert torch.isnan(CASES[name][0](BLACK, BLACK))


@pytest.mark.parametrize("name", ["Ergas", "SlidingWindowRmse", "Rase"])
@pytest.mark.parametrize("image", [BLACK, WHITE / 2, noise()], ids=["black", "grey", "noise"])
def test_torchmetrics_has_no_gradient_for_equal_images(name, image):
    assert torch.isnan(gradient(CASES[name][0], image, image)).any()


@pytest.mark.parametrize("name", ["SpectralAngle", "SpatialCorrelation"])
def test_torchmetrics_has_no_gradient_for_black_images(name):
    assert torch.isnan(gradient(CASES[name][0], BLACK, BLACK)).any()


@pytest.mark.parametrize("name", ["SpatialCorrelation", "SpectralDistortion"])
def test_torchmetrics_computes_in_float32(name):
    image = noise(1, dtype=torch.float64)
    assert CASES[name][0](image, image.flip(3)).dtype == torch.float32


def test_visual_information_fidelity_cannot_be_differentiated():
    """The reason why it is no loss here: torchmetrics overwrites what its own gradient needs."""
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        gradient(library.visual_information_fidelity, noise(1, (48, 48)), noise(2, (48, 48))[:1])
