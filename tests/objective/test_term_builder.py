"""Terms of any task, with numbers worked out by hand."""

import math

import torch
from torch import nn
from torch.nn import functional as F

import zerokd
from tests.objective.by_hand import LOW
from zerokd import Loss, Port


class SoftTargets(Loss):
    """KL divergence of softened class probabilities (Hinton et al. 2015)."""

    class Config(zerokd.Config):
        temperature: float = 1.0

    ports = {
        "logits": Port("the student's logits", grad=True, like="target"),
        "target": Port("the teacher's logits"),
    }

    def forward(self, *, logits, target):
        t = self.config.temperature
        student, teacher = F.log_softmax(logits / t, dim=1), F.softmax(target / t, dim=1)
        return t * t * F.kl_div(student, teacher, reduction="none").sum(dim=1)


class CrossEntropy(Loss):
    """Of logits (N, C, ...) and class indices (N, ...)."""

    ports = {"logits": Port("logits", grad=True), "labels": Port("class indices")}

    def forward(self, *, logits, labels):
        values = F.cross_entropy(logits, labels, reduction="none")
        return values.flatten(1).mean(dim=1) if values.ndim > 1 else values


def test_distilling_a_classifier_with_soft_targets_needs_no_model():
    logits = torch.tensor([[0.0, math.log(3.0)], [1.0, 1.0]], requires_grad=True)
    target = torch.zeros(2, 2)
    objective = zerokd.Objective(
        "soft + 0.5*hard",
        terms={
            "soft.targets": zerokd.Term(
                SoftTargets(temperature=1.0), on={"logits": "student.logits", "target": "teacher.logits"}
            ),
            "hard.labels": zerokd.Term(CrossEntropy(), on={"logits": "student.logits", "labels": "labels"}),
        },
    )
    result = objective({"student.logits": logits, "teacher.logits": target, "labels": torch.tensor([1, 0])})
    # KL(1/2, 1/2 || 1/4, 3/4) = ln 2 - ln(3)/2; cross entropies -ln 3/4 and ln 2
    expected = [math.log(2.0) - math.log(3.0) / 2, 0.0]
    torch.testing.assert_close(result.values["soft.targets"], torch.tensor(expected))
    torch.testing.assert_close(result.values["hard.labels"], torch.tensor([-math.log(0.75), math.log(2.0)]))
    result.total.backward()
    assert torch.isfinite(logits.grad).all()
    assert objective.prove({"student.logits": logits, "teacher.logits": target, "labels": torch.tensor([1, 0])}).terms


def test_segmentation_has_a_label_for_each_pixel():
    network = nn.Conv2d(3, 2, 1)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    objective = zerokd.Objective(
        "task",
        terms={"task.labels": zerokd.Term(CrossEntropy(), on={"logits": "student.output", "labels": "labels"})},
        models={"student": network},
    )
    batch = {"low": LOW, "labels": torch.randint(2, (4, 8, 8), generator=torch.Generator().manual_seed(0))}
    result = objective(batch)
    torch.testing.assert_close(result.values["task.labels"], torch.full((4,), math.log(2.0)))
    evidence = objective.prove(batch)
    assert evidence.terms[0].at_parameters > 0
