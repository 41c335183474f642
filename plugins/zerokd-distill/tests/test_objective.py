"""Every loss of the installed package trains a student in an objective."""

import pytest
import torch
import zerokd_distill

import zerokd

LOSSES = {spec.name: spec for spec in zerokd_distill.zerokd_losses()}


@pytest.mark.parametrize("name", LOSSES)
def test_a_term_passes_every_proof_and_trains_the_student(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        student, teacher = torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.Conv2d(3, 3, 3, padding=1)
    ports = LOSSES[name].load().ports
    on = {port: f"{'student' if declared.grad else 'teacher'}.output" for port, declared in ports.items()}
    objective = zerokd.Objective(
        "task",
        terms={"task.term": zerokd.Term(f"zerokd-distill:{name}", on=on)},
        models={"student": student, "teacher": teacher},
    )
    low = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    (evidence,) = objective.prove(low).terms
    assert evidence.share == pytest.approx(1.0)
    optimizer = torch.optim.Adam(objective.parameters(), lr=0.01)
    totals = []
    for _ in range(20):
        optimizer.zero_grad()
        total = objective(low).total
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < totals[0]
