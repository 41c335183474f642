"""Which file is meant."""

from pathlib import Path

import pytest

from zerokd.errors import WeightsError
from zerokd.student.location import resolve_student_file


def test_the_bundled_one_is_there_and_a_path_is_itself(tmp_path):
    assert resolve_student_file("bundled").is_file()
    assert resolve_student_file(tmp_path / "a") == tmp_path / "a"
    assert resolve_student_file("~/a") == Path.home() / "a"


def test_a_home_that_nobody_has():
    with pytest.raises(WeightsError, match="cannot find '~no_such_user/a'"):
        resolve_student_file("~no_such_user/a")


def test_a_run_folder_means_its_student(tmp_path):
    assert resolve_student_file(tmp_path) == tmp_path
    (tmp_path / "student.safetensors").touch()
    assert resolve_student_file(tmp_path) == tmp_path / "student.safetensors"
