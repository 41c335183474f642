"""Models by name: roles, and outputs of modules that declare nothing."""

import pytest
import torch
from torch import nn

import zerokd
from tests.objective.by_hand import difference, problems_of
from zerokd.critics.patch import Patch
from zerokd.models.nano_dce import NanoDce
from zerokd.objective.models import AveragedModel, ModelSet, Role, declared_outputs, name_outputs


@pytest.fixture
def models():
    student = NanoDce()
    return ModelSet({"student": student, "teacher": nn.Identity()}, {"ema": AveragedModel("student", NanoDce(), 0.9)})


def test_roles_and_models_by_name(models):
    assert models.owners == ["student", "teacher", "ema"]
    assert [models.get_role(owner) for owner in models.owners] == [Role.STUDENT, Role.TEACHER, Role.EMA]
    assert models.trained_model is models.get_model("student")
    assert models.get_model("ema") is models.averages["ema"].model


def test_a_plain_module_declares_nothing(models):
    assert declared_outputs(models.get_model("teacher")) is None
    assert set(declared_outputs(models.trained_model)) == {"enhanced", "curve_map"}
    assert set(declared_outputs(Patch())) == {"score"}


def test_outputs_have_names():
    one, two = torch.zeros(1), torch.ones(1)
    assert name_outputs(one) == {"output": one, "enhanced": one}
    assert name_outputs(one, "critic") == {"output": one, "score": one}
    assert name_outputs({"logits": one, "loss": None}) == {"logits": one}
    assert name_outputs((one, "text", two)) == {"0": one, "2": two}
    assert name_outputs("text") == {}


def test_what_is_no_model_and_what_cannot_train():
    term = {"task.a": difference({"prediction": "student.output", "target": "low"})}
    (problem,) = problems_of(lambda: zerokd.Objective("task", terms=term, models={"student": 3}))
    assert "models['student'] is int" in problem.message
    frozen = nn.Conv2d(3, 3, 1).requires_grad_(False)
    (problem,) = problems_of(lambda: zerokd.Objective("task", terms=term, models={"student": frozen}))
    assert "nothing would train" in problem.message
    twice = nn.Conv2d(3, 3, 1)
    problem, _ = problems_of(lambda: zerokd.Objective("task", terms=term, models={"student": twice, "teacher": twice}))
    assert "models 'student' and 'teacher' are one module" in problem.message
    average = {"student": nn.Conv2d(3, 3, 1), "ema": zerokd.Average("teacher")}
    read = {"task.a": difference({"prediction": "student.output", "target": "ema.output"})}
    (problem,) = problems_of(lambda: zerokd.Objective("task", terms=read, models=average))
    assert "the average 'ema' follows 'teacher', and no such model is given" in problem.message


def test_a_model_that_no_term_reads_is_a_misspelt_one():
    term = {"task.a": difference({"prediction": "student.output", "target": "low"})}
    (problem,) = problems_of(lambda: zerokd.Objective("task", terms=term, models={"studnet": nn.Conv2d(3, 3, 1)}))
    assert problem.message == "no term reads the model 'studnet'"
    assert problem.hints[0] == "did you mean 'student'?"
