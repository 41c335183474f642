"""Which file is meant."""

from pathlib import Path

import pytest

from zerokd.errors import WeightsError
from zerokd.student.location import BUNDLED_STUDENTS, DEFAULT_STUDENT, resolve_student_file


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


def test_names_are_students_of_the_package_and_a_path_with_a_dot_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "best").touch()
    assert {name: resolve_student_file(name) for name in BUNDLED_STUDENTS} == {
        name: student.path for name, student in BUNDLED_STUDENTS.items()
    }
    assert resolve_student_file("bundled") == BUNDLED_STUDENTS[DEFAULT_STUDENT].path
    assert resolve_student_file("./best").samefile("best")


def test_a_colon_in_a_path_is_no_model(tmp_path):
    path = tmp_path / "no_model:a.pth"
    assert resolve_student_file(path) == path
