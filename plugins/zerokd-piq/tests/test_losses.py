"""Values and gradients are piq's own; its known defects are reproduced without zerokd."""

import pickle

import piq
import pytest
import torch
from zerokd_piq import losses

CASES = {
    "Gmsd": (piq.gmsd, False),
    "MultiScaleGmsd": (piq.multi_scale_gmsd, False),
    "Mdsi": (piq.mdsi, False),
    "Haarpsi": (piq.haarpsi, True),
    "Fsim": (piq.fsim, True),
    "VifP": (piq.vif_p, True),
}


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_those_of_piq(name):
    function, is_similarity = CASES[name]
    generator = torch.Generator().manual_seed(0)
    prediction, target = torch.rand(2, 2, 3, 48, 56, generator=generator, dtype=torch.float64)
    leaf, other = prediction.clone().requires_grad_(), prediction.clone().requires_grad_()
    loss = getattr(losses, name)()
    values = loss(prediction=leaf, target=target)
    values.sum().backward()
    for row in range(2):  # one image at a time, with the reduction that piq has by default
        value = function(other[row : row + 1], target[row : row + 1])
        expected = 1 - value if is_similarity else value
        expected.sum().backward()
        assert values[row].item() == pytest.approx(expected.item(), abs=1e-6)
    torch.testing.assert_close(leaf.grad, other.grad, rtol=0, atol=1e-6)
    twin = pickle.loads(pickle.dumps(loss))
    assert torch.equal(twin(prediction=prediction, target=target), values.detach())


@pytest.mark.parametrize("function", [piq.gmsd, piq.multi_scale_gmsd, piq.mdsi])
def test_piq_has_no_gradient_where_both_images_are_equal(function):
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    leaf = image.clone().requires_grad_()
    function(leaf, image).backward()
    assert torch.isnan(leaf.grad).any()


def test_piq_has_no_value_or_gradient_for_black_images():
    black = torch.zeros(1, 3, 64, 64)
    assert torch.isinf(piq.haarpsi(black, black))
    leaf = black.clone().requires_grad_()
    piq.fsim(leaf, black).backward()
    assert torch.isnan(leaf.grad).any()
