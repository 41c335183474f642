"""Feature matching: the golden figure of one adapted pair, and that it names no signals of its own."""

import torch
from torch.nn import functional as F

from zerokd.losses.feature_matching import FeatureMatching, feature_matching


def test_golden(golden):
    student, teacher = golden["feat4"], F.adaptive_avg_pool2d(golden["feat32"], golden["feat4"].shape[-2:])
    adapted = {"student": student.mean(1, keepdim=True), "teacher": teacher.mean(1, keepdim=True)}
    value = FeatureMatching()(**adapted)
    torch.testing.assert_close(value, golden.values("feature_matching.one_pair"), atol=1e-6, rtol=0)


def test_by_hand():
    teacher = torch.tensor([1.0, -1.0, 3.0, 1.0]).view(1, 2, 1, 2)
    assert feature_matching(torch.ones(1, 2, 1, 2), teacher).item() == (0 + 4 + 4 + 0) / 4


def test_the_recipe_has_to_name_both_features():
    assert {name: (port.default, port.grad) for name, port in FeatureMatching.ports.items()} == {
        "student": (None, True),
        "teacher": (None, False),
    }
