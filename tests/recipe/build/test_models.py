"""Models are built from the seed, frozen or trained, and averages start as copies."""

import pytest
import torch

from zerokd.errors import RecipeError
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp


def test_only_the_student_can_learn(build):
    components = build()
    assert all(parameter.requires_grad for parameter in components.student.parameters())
    for owner in ("teacher", "ema"):
        model = components.get_model(owner)
        assert not model.training
        assert not any(parameter.requires_grad for parameter in model.parameters())


def test_an_average_is_a_copy_and_not_the_student_itself(build):
    components = build()
    average, student = components.averages["ema"].model.state_dict(), components.student.state_dict()
    assert all(torch.equal(average[key], student[key]) for key in student)
    assert all(average[key].data_ptr() != student[key].data_ptr() for key in student)


def test_equal_seeds_give_equal_models(build):
    first, second = build("seed=3").student.state_dict(), build("seed=3").student.state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_student_without_parameters_and_its_average_are_refused_without_a_traceback(build, monkeypatch):
    build_model = NanoDce.__init__

    def freeze(self, **options):
        build_model(self, **options)
        self.requires_grad_(False)

    monkeypatch.setattr(NanoDce, "__init__", freeze)
    with pytest.raises(RecipeError) as caught:
        build()
    assert [problem.message for problem in caught.value.problems] == ["models.student has no parameter to train"]


def test_a_plugins_own_file_counts_as_weights_only_with_its_digest(build, monkeypatch):
    document_settings = ("models.teacher={use='zero_dce_pp'}",)
    monkeypatch.setattr(ZeroDcePp, "sources", {"weights": "its.bin", "sha256": "ab" * 32})
    assert build(*document_settings).provenance["models.teacher"]["sha256"] == "ab" * 32
    monkeypatch.setattr(ZeroDcePp, "sources", {"weights": "its.bin"})
    with pytest.raises(RecipeError, match=r"models\.teacher is frozen and has no weights"):
        build(*document_settings)
