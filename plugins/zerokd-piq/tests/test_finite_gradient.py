"""The flag that is off: equal images get a gradient of 0, other gradients stay, and zerokd's proofs pass."""

import copy
import pickle

import piq
import pytest
import torch
from zerokd_piq import losses

import zerokd

REPAIRED = ("Gmsd", "MultiScaleGmsd", "Mdsi", "Fsim")


def gradient(loss, prediction, target):
    leaf = prediction.clone().requires_grad_()
    loss(prediction=leaf, target=target).sum().backward()
    return leaf.grad


@pytest.mark.parametrize("name", REPAIRED)
def test_only_undefined_gradients_change(name):
    plain, repaired = getattr(losses, name)(), getattr(losses, name)(finite_gradient=True)
    prediction, target = torch.rand(2, 1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    assert torch.equal(gradient(repaired, prediction, target), gradient(plain, prediction, target))
    black = torch.zeros(1, 3, 48, 48)
    assert torch.isnan(gradient(plain, black, black)).any()
    assert not gradient(repaired, black, black).any()
    twin = pickle.loads(pickle.dumps(repaired))
    assert torch.equal(twin(prediction=prediction, target=target), plain(prediction=prediction, target=target))


@pytest.mark.parametrize("name", REPAIRED)
def test_a_term_with_the_flag_passes_every_proof_and_without_it_none(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        teacher = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.Sigmoid())
        student = copy.deepcopy(teacher)
        student[0].weight.data += 0.1 * torch.randn_like(student[0].weight)
    low = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    on = {"prediction": "student.output", "target": "teacher.output"}

    def prove(**options):
        term = zerokd.Term(getattr(losses, name)(**options), on=on)
        models = {"student": student, "teacher": teacher}
        return zerokd.Objective("task", terms={"task.term": term}, models=models).prove(low)

    with pytest.raises(zerokd.RecipeError, match="its gradient is NaN"):
        prove()
    (term,) = prove(finite_gradient=True).terms
    assert term.at_parameters > 0


def test_the_signature_is_that_of_piq_with_one_more_argument():
    assert [*losses.Gmsd.Config.model_fields] == ["t", "finite_gradient"]
    assert losses.Gmsd().config.t == piq.GMSDLoss().t
