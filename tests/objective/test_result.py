"""The result of a step."""

import pytest
import torch

import zerokd
from tests.objective.by_hand import LOW, distilling


def test_the_sum_by_hand():
    objective, student, teacher = distilling()
    result = objective(LOW)
    by_hand = (student(LOW) - teacher(LOW)).square().flatten(1).mean(dim=1)
    torch.testing.assert_close(result.values["distillation.output"], by_hand)
    assert result.values["consistency.average"].tolist() == [0.0] * 4
    assert result.weights == {"distillation.output": 0.25, "consistency.average": 1.5}
    torch.testing.assert_close(result.total, 0.25 * by_hand.mean())
    torch.testing.assert_close(result.contributions["distillation.output"], 0.25 * by_hand.mean().detach())
    result.total.backward()
    assert student.weight.grad.norm() > 0
    assert teacher.weight.grad is None


def test_values_that_are_not_finite_are_named():
    objective, *_ = distilling()
    result = objective({"low": LOW, "teacher.output": torch.full((4, 3, 8, 8), float("nan"))})
    with pytest.raises(zerokd.NumericError, match=r"distillation\.output is not finite"):
        result.check_finite()
    objective(LOW).check_finite()
