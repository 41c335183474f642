"""The curve's ends and slopes by hand, and its falling strength."""

import pytest
import torch

from zerokd.models.reinhard_curve import ramp, reinhard_curve, strength_falloff


def test_ends_stay_and_no_strength_changes_nothing():
    x = torch.linspace(0, 1, 101, dtype=torch.float64)
    for strength in (0.0, 0.5, 16.0, 60.0):
        bright = reinhard_curve(x, torch.tensor(strength))
        assert bright[0] == 0
        assert bright[-1] == pytest.approx(1.0)
        assert (bright.diff() > 0).all()
        assert (bright >= x - 1e-12).all()
    assert torch.equal(reinhard_curve(x, torch.tensor(0.0)), x)


def test_slopes_by_hand():
    x = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(reinhard_curve(x, torch.tensor(3.0)).sum(), x)
    assert slope.tolist() == pytest.approx([4.0, 0.25])
    assert reinhard_curve(torch.tensor(0.25), torch.tensor(3.0)).item() == pytest.approx(0.25 * 4 / 1.75)


def test_strength_falls_to_half_at_four_fifths():
    values = strength_falloff(torch.tensor([0.0, 0.4, 0.8]))
    assert values.tolist() == pytest.approx([1.0, 1 + 1 / 16, 2.0])


def test_a_ramp_in_both_directions():
    at = torch.tensor([0.0, 0.25, 0.3, 0.9])
    assert ramp(at, 0.2, 0.3).tolist() == pytest.approx([0.0, 0.5, 1.0, 1.0])
    assert ramp(at, 0.3, 0.2).tolist() == pytest.approx([1.0, 0.5, 0.0, 0.0])
