"""Models and adapters as computations: any module, any outputs."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import zerokd
from tests.objective.by_hand import LOW, difference, distilling


class Doubling(nn.Module):
    """A super-resolution network of one parameter."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.5))

    def forward(self, low):
        return self.gain * F.interpolate(low, scale_factor=2, mode="nearest")


def test_super_resolution_is_another_size():
    objective = zerokd.Objective(
        "task",
        terms={"task.pixels": difference({"prediction": "student.output", "target": "reference"})},
        models={"student": Doubling()},
    )
    low, reference = torch.ones(2, 1, 4, 4), torch.ones(2, 1, 8, 8)
    result = objective({"low": low, "reference": reference})
    assert result.values["task.pixels"].tolist() == [0.25, 0.25]
    result.total.backward()
    assert objective.student.gain.grad.item() == -1.0  # d/dg (g - 1)^2 at 0.5


def test_a_dictionary_has_signals_by_its_keys_and_every_layer_is_a_feature():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Conv2d(3, 3, 1)

        def forward(self, low):
            return {"small": self.body(low).mean(dim=(2, 3)), "note": "text"}

    objective = zerokd.Objective(
        "task",
        terms={
            "task.small": difference({"prediction": "student.small", "target": "wanted"}),
            "task.body": difference({"prediction": "student.features.body", "target": "low"}),
        },
        models={"student": Two()},
    )
    result = objective({"low": LOW, "wanted": torch.zeros(4, 3)})
    body = objective.student.body(LOW)
    torch.testing.assert_close(result.values["task.body"], (body - LOW).square().flatten(1).mean(dim=1))
    with pytest.raises(zerokd.RecipeError, match=r"reads 'student\.large', and model 'student' returns small"):
        zerokd.Objective(
            "task",
            terms={"task.large": difference({"prediction": "student.large", "target": "low"})},
            models={"student": Two()},
        )(LOW)


def test_a_given_signal_wins_over_its_model():
    objective, student, teacher = distilling()
    target = torch.zeros(4, 3, 8, 8)
    calls = []
    teacher.register_forward_hook(lambda *_: calls.append(1))
    result = objective({"low": LOW, "teacher.output": target})
    torch.testing.assert_close(result.values["distillation.output"], student(LOW).square().flatten(1).mean(dim=1))
    assert calls == []
