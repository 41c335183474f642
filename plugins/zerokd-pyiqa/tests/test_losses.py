"""Values and gradients are pyiqa's own, and so are the defects; without pyiqa, a loss names what to install."""

import pickle
import sys

import pytest
import torch
import zerokd_pyiqa
from zerokd_pyiqa import losses

from zerokd.errors import RecipeError
from zerokd.testing import collect_checks

CASES = {"Nlpd": ("nlpd", False), "Vsi": ("vsi", True)}  # pyiqa's name, and whether it is a similarity


@pytest.fixture(scope="module")
def pyiqa():
    return pytest.importorskip("pyiqa", reason="pyiqa is not installed")


@pytest.mark.parametrize("name", CASES)
def test_without_pyiqa_it_says_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyiqa", None)
    for module in [module for module in sys.modules if module.startswith("pyiqa.")]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RecipeError, match=r"pip install 'zerokd-pyiqa\[pyiqa\]'"):
        getattr(losses, name)()


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_those_of_pyiqa(name, pyiqa):
    pyiqa_name, is_similarity = CASES[name]
    metric = pyiqa.create_metric(pyiqa_name, as_loss=True, device="cpu")
    prediction, target = torch.rand(2, 2, 3, 48, 56, generator=torch.Generator().manual_seed(0))
    leaf, other = prediction.clone().requires_grad_(), prediction.clone().requires_grad_()
    loss = getattr(losses, name)()
    values = loss(prediction=leaf, target=target)
    values.sum().backward()
    for row in range(2):  # one image at a time: as a loss, pyiqa averages the batch
        value = metric(other[row : row + 1], target[row : row + 1])
        expected = 1 - value if is_similarity else value
        expected.sum().backward()
        assert values[row].item() == pytest.approx(expected.item(), abs=1e-6)
    torch.testing.assert_close(leaf.grad, other.grad, rtol=0, atol=1e-6)
    assert leaf.grad.abs().max() > 1e-5
    twin = pickle.loads(pickle.dumps(loss))
    assert torch.equal(twin(prediction=prediction, target=target), values.detach())


def test_a_finite_gradient_repairs_equal_images_alone(pyiqa):
    images = torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    gradients = []
    for options in ({}, {"finite_gradient": True}):
        leaf = images.clone().requires_grad_()
        target = torch.stack([images[0], images[0]])
        losses.Nlpd(**options)(prediction=leaf, target=target).sum().backward()
        gradients.append(leaf.grad)
    assert gradients[0][0].isnan().any()
    assert not gradients[1][0].any()
    assert torch.equal(gradients[0][1], gradients[1][1])


def test_cw_ssim_of_equal_black_images_is_a_million(pyiqa):
    """The reason why it is no loss here: a similarity is at most 1."""
    black = torch.zeros(1, 3, 64, 64)
    assert pyiqa.create_metric("cw_ssim", device="cpu")(black, black).item() == pytest.approx(1e6, rel=1e-3)


def test_they_do_what_every_loss_must(pyiqa):
    for record in zerokd_pyiqa.zerokd_losses():
        for check in collect_checks(record):
            check()
