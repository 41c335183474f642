"""The projection by hand, its seed, its training beside the student, and what it refuses."""

import pytest
import torch

import zerokd
from zerokd import Signal
from zerokd.adapters.project import Project


def test_a_projection_by_hand():
    adapter = Project(channels=2, to=3)
    with torch.no_grad():
        adapter.weight.copy_(torch.tensor([[1.0, 0.0], [2.0, 1.0], [0.0, -1.0]]).view(3, 2, 1, 1))
    student, teacher = torch.tensor([5.0, 7.0]).view(1, 2, 1, 1), torch.rand(1, 3, 1, 1)
    adapted = adapter({"student": student, "teacher": teacher})
    assert adapted["student"].flatten().tolist() == [5.0, 17.0, -7.0]
    assert adapted["teacher"] is teacher


def test_the_seed_decides_the_first_weights_and_no_global_generator():
    state = torch.get_rng_state()
    first, same, other = (
        Project(channels=64, to=256),
        Project(channels=64, to=256),
        Project(channels=64, to=256, seed=1),
    )
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first.weight, same.weight)
    assert not torch.equal(first.weight, other.weight)
    assert first.weight.var().item() == pytest.approx(1 / 64, rel=0.05)


def test_describe_says_what_forward_returns_and_names_the_numbers_to_write():
    signals = {"student": Signal((4, 6, 5), (-1.0, 1.0), iterations=4), "teacher": Signal((6, 9, 3))}
    described = Project(channels=4, to=6).describe(signals)
    assert described == {"student": Signal((6, 6, 5)), "teacher": Signal((6, 9, 3))}
    message = "student has 4, teacher has 6; write channels = 4, to = 6"
    for channels, to in ((3, 6), (4, 5)):
        with pytest.raises(ValueError, match=message):
            Project(channels=channels, to=to).describe(signals)


def test_it_trains_with_the_student_and_is_no_part_of_it():
    torch.manual_seed(0)
    student, teacher = torch.nn.Conv2d(3, 2, 1), torch.nn.Conv2d(3, 5, 1)
    term = zerokd.Term(
        "feature_matching",
        on={"student": "student.output", "teacher": "teacher.output"},
        adapt={"use": "project", "channels": 2, "to": 5},
    )
    objective = zerokd.Objective("task", terms={"task.features": term}, models={"student": student, "teacher": teacher})
    optimizer = torch.optim.SGD(objective.parameters(), lr=0.5)
    low = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    totals = []
    for _ in range(20):
        optimizer.zero_grad()
        total = objective(low).total
        total.backward()
        optimizer.step()
        totals.append(total.item())
    (weight,) = (tensor for name, tensor in objective.state_dict().items() if name.startswith("adapters."))
    assert not torch.equal(weight, Project(channels=2, to=5).weight)
    assert totals[-1] < 0.5 * totals[0]
    assert {*student.state_dict()} == {"weight", "bias"}
