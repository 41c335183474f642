"""Values and gradients are kornia's own; its known defects are reproduced without zerokd."""

import math
import pickle

import pytest
import torch
from kornia import losses as kornia
from pydantic import ValidationError
from zerokd_kornia import losses

CASES = {  # the library's value of one image
    "PseudoHuber": lambda x, y: kornia.charbonnier_loss(x, y, reduction="mean"),
    "Cauchy": lambda x, y: kornia.cauchy_loss(x, y, reduction="mean"),
    "GemanMcclure": lambda x, y: kornia.geman_mcclure_loss(x, y, reduction="mean"),
    "Welsch": lambda x, y: kornia.welsch_loss(x, y, reduction="mean"),
    "Psnr": lambda x, y: kornia.psnr_loss(x, y, 1.0),
    "Dssim": lambda x, y: kornia.ssim_loss(x, y, 11),
    "MsSsimL1": lambda x, y: kornia.MS_SSIMLoss().double()(x, y),
    "MutualInformation": lambda x, y: kornia.mutual_information_loss_2d(x, y).mean(),
    "NormalizedMutualInformation": lambda x, y: kornia.normalized_mutual_information_loss_2d(x, y).mean(),
    "TotalVariationL1": lambda x: kornia.total_variation(x, reduction="mean").mean(),
    "EdgeAwareSmoothness": kornia.inverse_depth_smoothness_loss,
}


def pair(count=2, side=(40, 36)):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, count, 3, *side, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_those_of_kornia(name):
    loss = getattr(losses, name)()
    if name == "MsSsimL1":
        loss = loss.double()
    images = pair()[: len(loss.ports)]
    leaf, other = images[0].clone().requires_grad_(), images[0].clone().requires_grad_()
    values = loss(**dict(zip(loss.ports, (leaf, *images[1:]), strict=True)))
    values.sum().backward()
    for row in range(2):  # one image at a time, with the reduction that kornia has
        expected = CASES[name](other[row : row + 1], *(image[row : row + 1] for image in images[1:]))
        expected.backward()
        assert values[row].item() == pytest.approx(expected.item(), abs=1e-6)
    torch.testing.assert_close(leaf.grad, other.grad, rtol=0, atol=1e-6)
    assert leaf.grad.abs().max() > 1e-6
    twin = pickle.loads(pickle.dumps(loss))
    again = twin(**dict(zip(loss.ports, images, strict=True)))
    torch.testing.assert_close(again, values.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PseudoHuber", math.sqrt(2) - 1),
        ("Cauchy", math.log(1.5)),
        ("GemanMcclure", 0.4),
        ("Welsch", 1 - math.exp(-0.5)),
    ],
)
def test_a_difference_of_one_scale_has_the_published_value(name, expected):
    black = torch.zeros(1, 3, 4, 4)
    assert getattr(losses, name)()(prediction=black + 1, target=black).item() == pytest.approx(expected, rel=1e-6)
    scaled = getattr(losses, name)(scale=0.25)(prediction=black + 0.25, target=black)
    assert scaled.item() == pytest.approx(expected, rel=1e-6)


def test_psnr_in_decibels_with_and_without_its_limit():
    black = torch.zeros(2, 3, 4, 4)
    prediction = torch.stack([black[0] + 0.1, black[0] + 1e-4])
    assert losses.Psnr()(prediction=prediction, target=black).tolist() == pytest.approx([-20, -80], rel=1e-5)
    assert losses.Psnr(highest=60.0)(prediction=prediction, target=black).tolist() == pytest.approx(
        [-20, -60], rel=1e-5
    )


def test_dssim_of_two_levels_is_that_of_their_brightness_alone():
    values = losses.Dssim()(prediction=torch.full((1, 1, 12, 12), 0.25), target=torch.full((1, 1, 12, 12), 0.5))
    ssim = (2 * 0.25 * 0.5 + 1e-4) / (0.25**2 + 0.5**2 + 1e-4)
    assert values.item() == pytest.approx((1 - ssim) / 2, abs=1e-5)


def test_an_even_window_is_refused_before_kornia_sees_it():
    with pytest.raises(ValidationError, match="window_size"):
        losses.Dssim(window_size=10)
    prediction, target = pair()
    expected = kornia.ssim_loss(prediction[:1], target[:1], 3)
    assert losses.Dssim(window_size=3)(prediction=prediction, target=target)[0].item() == pytest.approx(expected.item())


def test_the_mix_is_linear_in_its_factor_and_its_share():
    prediction, target = pair(side=(20, 24))
    mix = {"prediction": prediction, "target": target}
    structure, difference, both = (losses.MsSsimL1(alpha=alpha, compensation=1.0)(**mix) for alpha in (1.0, 0.0, 0.25))
    torch.testing.assert_close(both, 0.25 * structure + 0.75 * difference, rtol=1e-6, atol=0)
    torch.testing.assert_close(losses.MsSsimL1(alpha=0.25)(**mix), 200 * both, rtol=1e-6, atol=0)


def test_total_variation_of_a_ramp_and_of_a_step_are_equal():
    ramp, step = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([0.0, 0.0, 2.0])
    for row in (ramp, step):
        assert losses.TotalVariationL1()(image=row.expand(1, 3, 3, 3)).tolist() == [1.0]


def test_an_edge_of_the_image_forgives_an_edge_of_the_map():
    step = torch.tensor([0.0, 1.0]).expand(1, 1, 2, 2)
    flat = losses.EdgeAwareSmoothness()(map=step, image=torch.zeros(1, 3, 2, 2))
    edge = losses.EdgeAwareSmoothness()(map=step, image=step.expand(1, 3, 2, 2))
    assert flat.item() == 1.0
    assert edge.item() == pytest.approx(math.exp(-1))


@pytest.mark.parametrize("name", ["MutualInformation", "NormalizedMutualInformation"])
def test_a_negative_has_all_the_information_and_noise_none(name):
    image, noise = pair(1)
    loss = getattr(losses, name)(num_bins=8)
    same, negative, other = (loss(prediction=x, target=image).item() for x in (image, 1 - image, noise))
    assert negative == pytest.approx(same, abs=1e-6)
    assert same < other - 0.1


def test_kornia_has_no_value_and_no_gradient_of_psnr_where_images_are_equal():
    image = torch.rand(1, 3, 16, 16).requires_grad_()
    value = kornia.psnr_loss(image, image.detach(), 1.0)
    value.backward()
    assert value.item() == -math.inf
    assert torch.isnan(image.grad).all()


def test_kornia_does_not_run_on_the_device_meta():
    image = torch.zeros(1, 3, 16, 16, device="meta")
    with pytest.raises(RuntimeError, match="scalarType"):
        kornia.ssim_loss(image, image, 11)
    for function in (kornia.mutual_information_loss_2d, kornia.normalized_mutual_information_loss_2d):
        with pytest.raises(NotImplementedError, match="nonzero"):
            function(image, image)
