"""Models on other signals, views, and parameters as signals: values and gradients by hand."""

import pytest
import torch
from torch import nn

import zerokd
from tests.objective.by_hand import difference, problems_of
from zerokd.augmentations.random_gamma import RandomGamma


class Gain(nn.Module):
    """One parameter; its output for x is gain * x."""

    def __init__(self, gain):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(float(gain)))
        self.calls = 0

    def forward(self, low):
        self.calls += 1
        return self.gain * low


RAMP = torch.tensor([0.0, 1.0]).expand(2, 1, 3, 2).contiguous()  # black left column, white right one


def objective_of(on, models=None, signals=None):
    return zerokd.Objective("task", terms={"task.pixels": difference(on)}, models=models, signals=signals)


def test_a_model_runs_on_a_view():
    student = Gain(0.5)
    objective = objective_of(
        {"prediction": "student(flipped).output", "target": "low"},
        {"student": student},
        {"flipped": zerokd.View("flip")},
    )
    result = objective(RAMP)
    assert result.values["task.pixels"].tolist() == [0.625, 0.625]  # of (0.5 - 0)^2 and (0 - 1)^2
    result.total.backward()
    assert student.gain.grad.item() == 0.5  # d/dg g^2 / 2


def test_a_view_is_applied_to_an_output_and_gradient_passes_through_it():
    student = Gain(0.5)
    objective = objective_of(
        {"prediction": "flipped(student.output)", "target": "student(flipped).output"},
        {"student": student},
        {"flipped": zerokd.View("flip", axis="horizontal")},
    )
    result = objective(RAMP)
    assert result.total.item() == 0.0  # a gain commutes with a flip
    result.total.backward()
    assert student.calls == 2


def test_each_call_runs_once_however_it_is_written():
    student, teacher = Gain(0.5), Gain(1.0)
    objective = zerokd.Objective(
        "task",
        terms={
            "task.a": difference({"prediction": "student(low).output", "target": "teacher(flipped).output"}),
            "task.b": difference({"prediction": "student.output", "target": "teacher( flipped ).output"}),
            "task.c": difference({"prediction": "student.output", "target": "teacher.output"}),
        },
        models={"student": student, "teacher": teacher},
        signals={"flipped": zerokd.View("flip")},
    )
    objective(RAMP)
    assert (student.calls, teacher.calls) == (1, 2)


def test_gradient_passes_a_frozen_model_and_stays_out_of_its_parameters():
    student, judge = Gain(0.5), Gain(3.0)
    objective = objective_of(
        {"prediction": "judge(student.output).output", "target": "low"}, {"student": student, "judge": judge}
    )
    result = objective(RAMP)
    assert result.total.item() == pytest.approx(0.125)  # (3 * 0.5 - 1)^2 / 2
    result.total.backward()
    assert student.gain.grad.item() == pytest.approx(1.5)  # (3g - 1) * 3 at 0.5, over the two columns
    assert judge.gain.grad is None
    assert not judge.training


def test_a_cycle_of_the_student_through_itself():
    student = Gain(0.5)
    objective = objective_of({"prediction": "student(student.output).output", "target": "low"}, {"student": student})
    result = objective(RAMP)
    assert result.total.item() == pytest.approx(0.28125)  # (g^2 - 1)^2 / 2
    result.total.backward()
    assert student.gain.grad.item() == pytest.approx(-0.75)  # 2g (g^2 - 1)


def test_a_random_view_has_one_draw_for_all_its_uses():
    student = Gain(1.0)
    objective = objective_of(
        {"prediction": "student(bright).output", "target": "bright(low)"},
        {"student": student},
        {"bright": zerokd.View("random_gamma", on="low")},
    )
    images = torch.rand(3, 3, 4, 4)
    assert objective(images).total.item() == 0.0
    given = objective({"low": images, "bright.draws": torch.full((3,), 2.0)})
    assert given.total.item() == 0.0
    tensors = objective.graph.compute({"low": images, "bright.draws": torch.full((3,), 2.0)}, frozenset({"bright"}))
    torch.testing.assert_close(tensors["bright"], images.square())


def test_draws_come_from_the_random_generator_of_the_loop():
    student = Gain(0.5)
    objective = objective_of(
        {"prediction": "student(bright).output", "target": "low"},
        {"student": student},
        {"bright": zerokd.View(RandomGamma())},
    )
    images, totals = torch.rand(2, 3, 4, 4), []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        totals.append(objective(images).total.item())
    assert totals[0] == totals[1] != totals[2]


def test_parameters_are_a_signal_of_their_own():
    student = nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        student.weight.fill_(2.0)
        student.bias.fill_(-4.0)
    objective = zerokd.Objective(
        "task + 0.5*sparsity",
        terms={
            "task.pixels": difference({"prediction": "student.output", "target": "low"}),
            "sparsity.l1": zerokd.Term("parameter_norm", on={"parameters": "student.parameters"}),
        },
        models={"student": student},
    )
    result = objective(torch.zeros(3, 1, 2, 2))
    assert result.values["sparsity.l1"].tolist() == [3.0] * 3  # (2 + 4) / 2
    assert result.total.item() == 16.0 + 1.5
    result.total.backward()
    assert student.weight.grad.item() == 0.25  # half of sign(2) / 2; the image is black
    assert student.bias.grad.item() == pytest.approx(-8.0 - 0.25)


def test_proofs_know_views():
    student = Gain(0.5)
    objective = objective_of(
        {"prediction": "student(flipped).output", "target": "low"},
        {"student": student},
        {"flipped": zerokd.View("flip")},
    )
    evidence = objective.prove(torch.rand(2, 1, 4, 4))
    assert [term.label for term in evidence.terms] == ["task.pixels"]
    assert evidence.terms[0].share == 1.0


def test_consistency_alone_rewards_a_student_that_changes_nothing():
    torch.manual_seed(0)
    student = nn.Conv2d(1, 1, 3, padding=1)  # its kernel is not symmetric
    on = {"prediction": "student(flipped).enhanced", "target": "flipped(student.enhanced)"}
    objective = objective_of(on, {"student": student}, {"flipped": zerokd.View("flip")})
    (problem,) = problems_of(lambda: objective.prove(torch.rand(2, 1, 6, 6)))
    assert "the objective is least when the student changes nothing" in problem.message


@pytest.mark.parametrize(
    ("signals", "on", "message"),
    [
        ({"a": zerokd.View("flip", on="b"), "b": zerokd.View("flip", on="a")}, "a", "in a circle: a -> b -> a"),
        ({"a": zerokd.View("flipp")}, "a", "flipp"),
        ({"a": zerokd.View("flip", axis="diagonal")}, "a", "axis"),
        ({"low": zerokd.View("flip")}, "low", "'low' cannot name a signal"),
        ({"a": zerokd.View("flip", on="low(")}, "a", "'low(' names no signal"),
        ({"a": "flip"}, "a", "is str, not a zerokd.View"),
        ({}, "student(low", "'student(low' names no signal: a bracket is not closed"),
    ],
)
def test_wrong_signals_are_reported(signals, on, message):
    problems = problems_of(
        lambda: objective_of({"prediction": "student.output", "target": on}, {"student": Gain(1.0)}, signals)
    )
    assert any(message in problem.message for problem in problems), problems
    assert all(problem.place is not None for problem in problems)


def test_an_objective_with_views_is_written_and_read_again():
    objective = zerokd.Objective(
        "task",
        terms={"task.pixels": zerokd.Term("mse", on={"prediction": "student(bright).output", "target": "bright(low)"})},
        models={"student": Gain(0.5)},
        signals={"bright": zerokd.View("random_gamma", range=(0.5, 0.6))},
    )
    again = zerokd.compose(objective.to_toml(), models={"student": objective.student})
    inputs = {"low": torch.rand(2, 3, 8, 8), "bright.draws": torch.tensor([0.5, 0.6])}
    assert again(inputs).total.item() == objective(inputs).total.item() > 0
