"""A distillation small enough to check by hand, shared by the tests of the library."""

import pytest
import torch
from torch import nn

import zerokd
from zerokd import Loss, Port

LOW = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


class Difference(Loss):
    """Mean squared difference of tensors of any shape."""

    ports = {"prediction": Port("the student's", grad=True, like="target"), "target": Port("the wanted one")}

    def forward(self, *, prediction, target):
        return (prediction - target).square().flatten(1).mean(dim=1)


def difference(on, **options):
    return zerokd.Term(Difference(), on=on, **options)


def distilling(**options):
    """A student of one convolution, its average, and a frozen teacher."""
    torch.manual_seed(0)
    student, teacher = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
    objective = zerokd.Objective(
        "alpha*distillation + (1 - alpha)*consistency",
        params={"alpha": 0.25},
        terms={
            "distillation.output": difference({"prediction": "student.output", "target": "teacher.output"}),
            "consistency.average": difference({"prediction": "student.output", "target": "ema.output"}, weight=2.0),
        },
        models={"student": student, "teacher": teacher, "ema": zerokd.Average("student", decay=0.5)},
        **options,
    )
    return objective, student, teacher


def problems_of(call):
    with pytest.raises(zerokd.ZerokdError) as caught:
        call()
    return caught.value.problems
