"""Differences of neighbours by hand."""

import pytest
import torch
from zerokd_frequency.gradient import Gradient, gradient


def test_two_by_two_by_hand():
    prediction = torch.tensor([[0.0, 1.0], [0.5, 0.5]]).view(1, 1, 2, 2)
    vertical, horizontal = (0.5 + 0.5) / 2, (1.0 + 0.0) / 2
    assert gradient(prediction, torch.zeros(1, 1, 2, 2)).item() == pytest.approx(vertical + horizontal)


def test_a_line_of_the_other_sign_is_another_line():
    line = torch.zeros(1, 1, 3, 3)
    line[..., 1] = 1.0
    assert gradient(line, -line).item() == pytest.approx(2 * gradient(line, 0 * line).item())


def test_brightness_does_not_count():
    image = torch.rand(2, 3, 4, 5, dtype=torch.float64)
    values = Gradient()(prediction=image + torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1), target=image)
    assert values.tolist() == pytest.approx([0.0, 0.0], abs=1e-12)
