"""Proofs of an objective that no recipe holds."""

import torch
from torch import nn

import zerokd
from tests.objective.by_hand import LOW, difference, distilling, problems_of


def test_proofs_anywhere():
    objective, student, _ = distilling()
    student(LOW).sum().backward()
    gradient = student.weight.grad.clone()
    before = {key: value.clone() for key, value in objective.state_dict().items()}
    evidence = objective.prove(LOW)
    assert {term.label for term in evidence.terms} == {"distillation.output", "consistency.average"}
    assert evidence.as_dict()["images"] == 4
    assert "distillation.output" in str(evidence)
    assert "<table" in evidence._repr_html_()
    assert torch.equal(gradient, student.weight.grad)
    assert all(torch.equal(before[key], value) for key, value in objective.state_dict().items())
    blind = zerokd.Objective(
        "task",
        terms={"task.a": difference({"prediction": "teacher.output", "target": "low"})},
        models={"student": nn.Conv2d(3, 3, 1), "teacher": nn.Conv2d(3, 3, 1)},
    )
    (problem,) = problems_of(lambda: blind.prove(LOW))
    assert "must carry gradient to the student, and teacher.output carries none" in problem.message
