"""Models by name: roles, and outputs of modules that declare nothing."""

import pytest
import torch
from torch import nn

from zerokd.models.nano_dce import NanoDce
from zerokd.objective.models import Average, ModelSet, Role, declared_outputs, name_outputs


@pytest.fixture
def models():
    student = NanoDce()
    return ModelSet({"student": student, "teacher": nn.Identity()}, {"ema": Average("student", NanoDce(), 0.9)})


def test_roles_and_models_by_name(models):
    assert models.owners == ["student", "teacher", "ema"]
    assert [models.get_role(owner) for owner in models.owners] == [Role.STUDENT, Role.TEACHER, Role.EMA]
    assert models.student is models.get_model("student")
    assert models.get_model("ema") is models.averages["ema"].model


def test_a_plain_module_declares_nothing(models):
    assert declared_outputs(models.get_model("teacher")) is None
    assert set(declared_outputs(models.student)) == {"enhanced", "curve_map"}


def test_outputs_have_names():
    one, two = torch.zeros(1), torch.ones(1)
    assert name_outputs(one) == {"output": one, "enhanced": one}
    assert name_outputs({"logits": one, "loss": None}) == {"logits": one}
    assert name_outputs((one, "text", two)) == {"0": one, "2": two}
    assert name_outputs("text") == {}
