"""Illumination fidelity: by hand, against a loop, and where it is 0."""

import pytest
import torch
from zerokd_retinex.illumination_fidelity import IlluminationFidelity, illumination_fidelity


def noise(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_by_hand():
    illumination = torch.tensor([[[[0.5, 1.0]], [[0.25, 0.0]]]], dtype=torch.float64)
    low = torch.tensor([[[[0.5, 0.5]], [[0.0, 0.5]]]], dtype=torch.float64)
    value = illumination_fidelity(illumination, low)
    assert value.tolist() == [(0.0 + 0.25 + 0.0625 + 0.25) / 4]


def test_against_a_loop():
    illumination, low = noise(2, 3, 4, 5), noise(2, 3, 4, 5, seed=1)
    for image, value in enumerate(illumination_fidelity(illumination, low).tolist()):
        pairs = zip(illumination[image].flatten().tolist(), low[image].flatten().tolist(), strict=True)
        squares = [(x - y) ** 2 for x, y in pairs]
        assert value == pytest.approx(sum(squares) / len(squares), abs=1e-15)


def test_it_is_0_exactly_where_the_illumination_is_the_input():
    low = noise(2, 3, 4, 5)
    assert IlluminationFidelity()(illumination=low, low=low).tolist() == [0.0, 0.0]
    assert (IlluminationFidelity()(illumination=low.clamp(min=0.5), low=low) > 0).all()


def test_the_slope_points_away_from_the_input():
    low, illumination = noise(1, 3, 2, 2), noise(1, 3, 2, 2, seed=1).requires_grad_()
    illumination_fidelity(illumination, low).sum().backward()
    torch.testing.assert_close(illumination.grad, 2 * (illumination.detach() - low) / 12)
