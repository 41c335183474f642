"""The keys that are off: with them, a loss that fails zerokd's proofs passes them, and other values stay."""

import copy

import pytest
import torch
from zerokd_kornia import losses

import zerokd


def prove(**options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        teacher = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.Sigmoid())
        student = copy.deepcopy(teacher)
        student[0].weight.data += 0.1 * torch.randn_like(student[0].weight)
    low = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    term = zerokd.Term(losses.Psnr(**options), on={"prediction": "student.output", "target": "teacher.output"})
    models = {"student": student, "teacher": teacher}
    return zerokd.Objective("task", terms={"task.term": term}, models=models).prove(low)


def test_psnr_trains_with_both_keys_only():
    with pytest.raises(zerokd.RecipeError, match=r"-inf|not finite|NaN"):
        prove()
    with pytest.raises(zerokd.RecipeError, match="its gradient is NaN"):
        prove(highest=80.0)
    (term,) = prove(highest=80.0, finite_gradient=True).terms
    assert term.at_parameters > 0


def test_the_keys_change_nothing_else():
    prediction, target = torch.rand(2, 2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    gradients = []
    for options in ({}, {"highest": 80.0, "finite_gradient": True}):
        leaf = prediction.clone().requires_grad_()
        losses.Psnr(**options)(prediction=leaf, target=target).sum().backward()
        gradients.append(leaf.grad)
    assert torch.equal(*gradients)
