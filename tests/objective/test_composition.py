"""An objective that is written in Python."""

import torch

import zerokd
from tests.objective.by_hand import LOW, difference, distilling, problems_of


def test_sizes_and_steps_are_checked():
    objective, *_ = distilling()
    (problem,) = problems_of(lambda: objective({"low": LOW, "teacher.output": LOW[:2]}))
    assert "'low' has 4 images and 'teacher.output' has 2" in problem.message
    changing = zerokd.Objective(
        "task",
        terms={
            "task.a": difference(
                {"prediction": "x", "target": "y"}, weight={"use": "linear", "from": 0.5, "to": 1.0, "end": "3 steps"}
            )
        },
        steps=4,
    )
    batch = {"x": torch.ones(1, 2, requires_grad=True), "y": torch.zeros(1, 2)}
    assert [round(changing(batch, step=step).total.item(), 4) for step in range(4)] == [0.5, 0.6667, 0.8333, 1.0]
    (problem,) = problems_of(lambda: changing(batch))
    assert "the call gives no step" in problem.message
    (problem,) = problems_of(lambda: changing(batch, step=4))
    assert "step 4 is not in [0, 3]" in problem.message


def test_every_mistake_is_told_at_once_at_its_line():
    problems = problems_of(
        lambda: zerokd.Objective(
            "alpha*task + tusk",
            params={"alpha": 0.5, "beta": "1 - gamma"},
            terms={
                "task.a": zerokd.Term("mze", on={}),
                "task.b": zerokd.Term("mse", on={"predicton": "student.output", "target": "low"}, weight=-1),
                "task.c": zerokd.Term("ssim", window=4, on={"prediction": "student.output", "target": "low"}),
            },
        )
    )
    text = "\n".join(map(str, problems))
    for message in (
        "unknown loss 'mze'",
        "did you mean 'mse'?",
        "mse has no port 'predicton'",
        "weight is -1",
        "ssim: window",
        "unknown name 'gamma'",
        "unknown name 'tusk'",
        "did you mean 'task'?",
    ):
        assert message in text
    lines = {problem.place.line for problem in problems}
    assert len(lines) >= 4
    assert {problem.place.file for problem in problems} == {__file__}
