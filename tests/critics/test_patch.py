"""PatchGAN's receptive field, number of scores and parameters, and its Lipschitz bound."""

import pytest
import torch

from zerokd.critics.patch import Patch


@pytest.mark.parametrize(("depth", "side"), [(1, 16), (2, 8), (3, 4)])
def test_each_level_halves_the_resolution(depth, side):
    assert Patch(depth=depth, width=4)(torch.rand(2, 3, 32, 32)).shape == (2, 1, side, side)


def test_the_number_of_parameters_follows_from_the_widths():
    convolutions = 3 * 4 * 16 + 4 + 4 * 8 * 16 + 8 + 8 * 1 * 9 + 1
    assert sum(parameter.numel() for parameter in Patch(width=4, depth=2).parameters()) == convolutions


def test_a_score_sees_its_patch_alone():
    """Two convolutions of 4x4 with stride 2, then 3x3: 3 * 4 + 6 = 18 pixels a side, around 4 * row + 1.5."""
    torch.manual_seed(0)
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    Patch(width=4, depth=2)(image)[0, 0, 8, 8].backward()
    rows = image.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    assert (int(rows.min()), int(rows.max())) == (25, 42)


def test_spectral_normalisation_divides_by_the_largest_singular_value():
    torch.manual_seed(0)
    critic = Patch(width=4, depth=1)
    for _ in range(50):  # each forward pass in training mode improves the estimate
        critic(torch.rand(1, 3, 8, 8))
    weight = critic.eval().layers[0].weight.flatten(1)
    assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1.0, abs=1e-4)
    assert not [name for name, _ in Patch(spectral=False).named_buffers()]
