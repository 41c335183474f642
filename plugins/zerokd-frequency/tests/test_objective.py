"""Every loss of the installed package trains a student in an objective."""

import copy

import pytest
import torch
import zerokd_frequency

import zerokd

NAMES = [spec.name for spec in zerokd_frequency.zerokd_losses()]
SIDES = {"ms_ssim": 96}  # pixels; 32 for the others


@pytest.mark.parametrize("name", NAMES)
def test_a_term_passes_every_proof_and_trains_the_student(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        teacher = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.Sigmoid())
        student = copy.deepcopy(teacher)
        student[0].weight.data += 0.05 * torch.randn_like(student[0].weight)
    on = {"prediction": "student.output", "target": "teacher.output"}
    objective = zerokd.Objective(
        "task",
        terms={"task.term": zerokd.Term(f"zerokd-frequency:{name}", on=on)},
        models={"student": student, "teacher": teacher},
    )
    low = torch.rand(2, 3, SIDES.get(name, 32), SIDES.get(name, 32), generator=torch.Generator().manual_seed(0))
    (evidence,) = objective.prove(low).terms
    assert evidence.share == pytest.approx(1.0)
    optimizer = torch.optim.Adam(objective.parameters(), lr=0.003)
    totals = []
    for _ in range(20):
        optimizer.zero_grad()
        total = objective(low).total
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < totals[0]
