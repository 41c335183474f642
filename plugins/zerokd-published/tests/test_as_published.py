"""What the proofs find in the methods as released: the claims of docs/results/published_traps.md."""

from pathlib import Path

import pytest
import torch
from zerokd_retinex.illumination_smoothness import illumination_smoothness

import zerokd
from zerokd.errors import RecipeError
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.loading import load_component

RELEASED = Path(__file__).parents[1] / "as_published/released_losses.py"
SMALL = {"data.size": 32, "data.count": 4}


def noise(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def released(name, **options):
    return load_component(discover_plugins([RELEASED]).find("losses", name))(**options)


def prove(recipe, **settings):
    settings = {key.replace("__", "."): value for key, value in settings.items()}
    objective = zerokd.compose(f"published/{recipe}", set=SMALL | settings, plugins=[RELEASED])
    low = torch.cat([0.2 * noise(3, 3, 32, 32), noise(1, 3, 32, 32, seed=1)])
    return objective.prove({"low": low, "low_2": low, "reference": noise(4, 3, 32, 32, seed=2)})


def refusal(recipe, **settings):
    with pytest.raises(RecipeError) as caught:
        prove(recipe, **settings)
    (problem,) = caught.value.problems
    return problem.code, problem.message


def test_the_color_loss_of_zero_dce_has_no_gradient_on_grey():
    code, message = refusal("zero_dce", terms__color__grey__use="released_color")
    assert code == "not-finite"
    assert "its gradient is NaN on a grey image" in message
    value = released("released_color")(enhanced=noise(2, 3, 8, 8))
    own = zerokd.compose("published/zero_dce", set=SMALL).loss("color.grey")
    torch.testing.assert_close(value, own(enhanced=noise(2, 3, 8, 8)))


def test_the_ratio_of_pairlie_is_nan_where_light_and_image_are_0():
    code, message = refusal("pairlie", terms__retinex__ratio__use="released_ratio")
    assert code == "not-finite"
    assert "its value is NaN on a black image" in message


def test_the_scores_of_enlightengan_depend_on_the_batch():
    code, message = refusal("enlighten_gan_like", terms__adversarial__score__use="relativistic")
    assert code == "depends-on-batch"
    assert "depends on the others in the batch" in message


def test_the_projection_of_pairlie_is_nearly_all_of_the_gradient_and_the_agreement_nothing():
    evidence = prove("pairlie", models__student__start="random")
    shares = {term.label: term.share for term in evidence.terms}
    assert shares["projection.image"] > 0.95
    assert shares["agreement.reflectance"] < 1e-4
    assert any("projection.image" in note and "dominates alone" in note for note in evidence.notes)
    assert any("agreement.reflectance" in note and "almost no effect" in note for note in evidence.notes)


def edge(height):
    """An image that is ``height`` brighter in its right half."""
    return (0.1 + height * (torch.arange(32) >= 16).float()).expand(1, 3, 32, 32)


def edge_share(loss):
    """The value of a step of the light where the image has one too, over that where the image is flat."""
    return (loss(edge(0.5), edge(0.5)) / loss(edge(0.5), edge(0.0))).item()


def test_the_released_smoothness_charges_an_edge_of_the_light_whether_the_image_has_one_or_not():
    for form, sigma in (("sci", 10.0), ("ruas", 0.1)):
        loss = released("released_smoothness", form=form, sigma=sigma)
        assert edge_share(lambda light, low, loss=loss: loss(illumination=light, low=low)) > 0.99
    assert edge_share(illumination_smoothness) < 1e-4  # sigma 0.1, as in the papers


def test_the_released_smoothness_is_72_times_ours_with_its_sigma():
    light, low = noise(2, 3, 24, 24), noise(2, 3, 24, 24, seed=1)
    loss = released("released_smoothness", form="sci", sigma=10.0)
    ratio = loss(illumination=light, low=low) / illumination_smoothness(light, low, sigma=10.0)
    torch.testing.assert_close(ratio, torch.full((2,), 72.0), rtol=0.02, atol=0.0)


def test_the_weights_of_ruas_cannot_tell_where_the_step_is():
    """They multiply the mean of the whole map, so that the sum is the same wherever the map changes."""
    loss = released("released_smoothness", form="ruas", sigma=10.0)
    low, light = edge(0.5), edge(0.5)
    moved = light.roll(8, dims=3)
    moved[..., :8] = light[..., :1]
    torch.testing.assert_close(loss(illumination=light, low=low), loss(illumination=moved, low=low))
    own = illumination_smoothness(torch.cat([light, moved]), torch.cat([low, low]))
    assert own[0] < 1e-3 * own[1]


def test_the_released_conversion_of_colours_mixes_pixels():
    """A grey ramp has no colour; three pixels of a row, taken for red, green and blue, have one."""
    matrix = torch.tensor(((0.257, -0.148, 0.439), (0.564, -0.291, -0.368), (0.098, 0.439, -0.071)))
    ramp = (torch.arange(30) / 30).expand(1, 3, 30, 30)
    right = (ramp.movedim(1, -1) @ matrix).movedim(-1, 1)
    wrong = (ramp.reshape(-1, 3) @ matrix).reshape(ramp.shape)
    assert right[:, 1:].abs().max() < 1e-6
    assert wrong[:, 1:].abs().max() > 0.3


def test_the_denoising_part_of_ruas_keeps_a_ten_millionth_of_its_image():
    evidence = prove(
        "noise2noise_denoising",
        stages__fit__objective="1e-7*denoising + smoothness",
        terms__smoothness__image={"use": "total_variation", "weight": 2.0, "on": {"image": "student.enhanced"}},
    )
    assert any("denoising.pixels" in note and "almost no effect" in note for note in evidence.notes)


def test_a_calibrated_input_beyond_0_and_1_is_refused_as_an_image():
    objective = zerokd.Objective(
        "smoothness",
        terms={
            "smoothness.stage_2": zerokd.Term(
                "illumination_smoothness", on={"illumination": "student.light", "low": "student.calibrated"}
            )
        },
        models={"student": Published()},
    )
    with pytest.raises(RecipeError, match=r"takes \[0, 1\], student.calibrated has (unbounded )?values"):
        objective.prove(0.2 * noise(3, 3, 32, 32))


class Published(torch.nn.Module):
    """A stage of SCI as released: what calibrates is added without a limit."""

    def __init__(self):
        super().__init__()
        self.light, self.calibrate = torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, low):
        light = (low + self.light(low).sigmoid()).clamp(1e-4, 1)
        reflectance = (low / light).clamp(0, 1)
        return {
            "enhanced": reflectance,
            "light": light,
            "calibrated": low + reflectance - self.calibrate(reflectance).sigmoid(),
        }


def test_batch_normalisation_makes_an_image_depend_on_the_others():
    torch.manual_seed(0)
    layer = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.BatchNorm2d(3), torch.nn.Sigmoid())
    low = torch.cat([0.05 * noise(1, 3, 16, 16), noise(3, 3, 16, 16, seed=1)])
    alone, together = layer(low[:1]), layer(low)[:1]
    assert (alone - together).abs().mean() > 0.1


def test_one_relu_is_closed_for_every_dark_image_at_a_third_of_the_usual_starts():
    low = 0.05 * noise(1, 3, 32, 32)
    closed = 0
    for seed in range(100):
        torch.manual_seed(seed)
        closed += bool((torch.nn.Conv2d(3, 1, 3, padding=1)(low) <= 0).all())
    assert 30 < closed < 60


def test_at_a_twelfth_of_the_size_the_smoothness_of_zero_dce_pp_hardly_counts():
    def share(scale_factor):
        torch.manual_seed(0)
        evidence = prove("zero_dce_pp", models__student__scale_factor=scale_factor)
        return next(term.contribution for term in evidence.terms if term.label == "smoothness.maps")

    assert share(8) < 0.1 * share(1)
