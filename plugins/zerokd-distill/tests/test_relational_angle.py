"""Angles of three regions by hand, and what does not change them."""

import math

import pytest
import torch
from zerokd_distill.relational_angle import RelationalAngle, relational_angle


def image(*points):
    """Three regions in a row, with two channels."""
    return torch.tensor(points, dtype=torch.float64).T.reshape(1, 2, 1, len(points))


def test_two_triangles_by_hand():
    """A right-angled one with two equal sides, and one with three: cosines 0, 1/sqrt(2) twice, and 1/2 three times."""
    student = image((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    teacher = image((0.0, 0.0), (1.0, 0.0), (0.5, math.sqrt(0.75)))
    expected = (0.5 * 0.5**2 + 2 * 0.5 * (math.sqrt(0.5) - 0.5) ** 2) / 3
    assert relational_angle(student, teacher).item() == pytest.approx(expected, rel=1e-6)


def test_every_triple_is_counted():
    """Written as loops over distinct regions."""
    student, teacher = torch.rand(1, 2, 1, 4, dtype=torch.float64), torch.rand(1, 5, 1, 4, dtype=torch.float64)
    total, count = 0.0, 0
    for i in range(4):
        for j in range(4):
            for k in range(4):
                if len({i, j, k}) == 3:
                    cosines = []
                    for features in (student, teacher):
                        x = features[0, :, 0].T
                        cosines.append(torch.cosine_similarity(x[i] - x[j], x[k] - x[j], dim=0))
                    difference = abs(float(cosines[0] - cosines[1]))
                    total += 0.5 * difference**2 if difference < 1 else difference - 0.5
                    count += 1
    value = RelationalAngle()(student=student, teacher=teacher)
    assert value.item() == pytest.approx(total / count, rel=1e-6)


def test_scale_shift_and_rotation_do_not_count():
    features = torch.rand(1, 2, 4, 4, dtype=torch.float64)
    turned = torch.stack([0.6 * features[:, 0] - 0.8 * features[:, 1], 0.8 * features[:, 0] + 0.6 * features[:, 1]], 1)
    assert relational_angle(3 * turned + 5, features).item() == pytest.approx(0.0, abs=1e-9)


def test_a_flat_image_has_a_finite_gradient():
    student = torch.full((1, 2, 4, 4), 0.5, requires_grad=True)
    relational_angle(student, torch.rand(1, 2, 4, 4)).sum().backward()
    assert torch.isfinite(student.grad).all()
