"""The keys that are off: with them, a loss that fails zerokd's proofs passes them."""

import copy

import pytest
import torch
from zerokd_torchmetrics import losses

import zerokd

SAFE = {
    "SpectralAngle": {"offset": 0.01},
    "Ergas": {"offset": 0.01, "finite_gradient": True},
    "Rase": {"offset": 0.01, "finite_gradient": True},
    "SlidingWindowRmse": {"finite_gradient": True},
    "SpatialCorrelation": {"finite_gradient": True},
}


def prove(name, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        teacher = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.ReLU())  # ReLU: it has black
        student = copy.deepcopy(teacher)
        student[0].weight.data += 0.1 * torch.randn_like(student[0].weight)
    low = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    term = zerokd.Term(
        getattr(losses, name)(**options), on={"prediction": "student.output", "target": "teacher.output"}
    )
    models = {"student": student, "teacher": teacher}
    return zerokd.Objective("task", terms={"task.term": term}, models=models).prove(low)


@pytest.mark.parametrize("name", SAFE)
def test_a_term_with_the_keys_passes_every_proof_and_without_them_none(name):
    with pytest.raises(zerokd.RecipeError, match=r"NaN|not finite|nan|inf"):
        prove(name)
    (term,) = prove(name, **SAFE[name]).terms
    assert term.at_parameters > 0


@pytest.mark.parametrize("name", SAFE)
def test_black_images_have_value_and_gradient(name):
    black = torch.zeros(1, 3, 16, 16, requires_grad=True)
    value = getattr(losses, name)(**SAFE[name])(prediction=black, target=black.detach())
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert black.grad.abs().max() < 1e-4


@pytest.mark.parametrize("name", [name for name, keys in SAFE.items() if "finite_gradient" in keys])
def test_the_finite_gradient_changes_no_gradient_that_is_defined(name):
    prediction, target = torch.rand(2, 2, 3, 24, 24, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25
    gradients = []
    for options in ({}, {"finite_gradient": True}):
        leaf = prediction.clone().requires_grad_()
        getattr(losses, name)(**options)(prediction=leaf, target=target).sum().backward()
        gradients.append(leaf.grad)
    assert torch.equal(*gradients)


def test_an_offset_keeps_the_slope_of_black_bounded():
    slopes = []
    for options in ({}, {"offset": 0.01}):
        leaf = torch.full((1, 3, 4, 4), 1e-7, requires_grad=True)
        losses.SymmetricPercentageError(**options)(prediction=leaf, target=torch.zeros(1, 3, 4, 4)).sum().backward()
        slopes.append(leaf.grad.sum().item())
    assert slopes[0] > 1e6
    assert slopes[1] == pytest.approx(2 / 0.02, rel=1e-3)
