"""A student's file is enough to build it."""

import pytest
import torch

import zerokd
from zerokd.errors import WeightsError
from zerokd.models.nano_dce import NanoDce
from zerokd.weights import write_weights


def test_a_student_is_built_as_its_file_says(tmp_path):
    student = NanoDce(width=6, iterations=3)
    facts = {"architecture": {"use": "zerokd:nano_dce", "config": {"width": 6, "iterations": 3}}}
    write_weights(tmp_path / "student.safetensors", student.state_dict(), facts)
    loaded, low = zerokd.load(tmp_path / "student.safetensors"), torch.rand(2, 3, 8, 8)
    assert loaded.config == student.config
    assert torch.equal(loaded(low)["enhanced"], student(low)["enhanced"])


def test_a_file_that_does_not_say_what_it_is_for(tmp_path):
    write_weights(tmp_path / "a.safetensors", NanoDce().state_dict(), {})
    with pytest.raises(WeightsError, match="does not say which model"):
        zerokd.load(tmp_path / "a.safetensors")
