"""``zerokd export``: a checked file, or a reason."""

import re

import pytest

from tests.command import zerokd


def export(*arguments, cwd):
    return zerokd("export", *arguments, cwd=cwd)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("--format", "c"), "student.h"),
        (("--format", "torchscript"), "student.pt"),
        (("fidelity", "--format", "glsl"), "student.glsl"),
        (("--student", "teacher", "--format", "torchscript"), "student.pt"),
        (("--student", "zero_dce_pp:bundled", "--format", "torchscript"), "student.pt"),
    ],
)
def test_students_by_name_the_best_one_by_default(tmp_path, arguments, name):
    done = export(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert re.search(r"^Matches PyTorch on 20 sizes \(max difference \S+, tolerance 1\.0e-05\)$", done.stdout, re.M)


def test_mistakes_are_told_and_nothing_is_written(tmp_path):
    done = export("--format", "onnx", "--set", "precision=int9", cwd=tmp_path)
    assert done.returncode == 2
    assert "'float32', 'float16' or 'int8', got 'int9'" in done.stderr
    done = export("nowhere.safetensors", "--format", "c", cwd=tmp_path)
    assert (done.returncode, "does not exist" in done.stderr) == (3, True)
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_cannot_hold_the_default_student_says_why_and_writes_nothing(tmp_path):
    done = export("--format", "pt2", cwd=tmp_path)
    assert done.returncode == 3
    assert "this model has no" in done.stderr
    done = export("best", "--student", "teacher", "--format", "c", cwd=tmp_path)
    assert (done.returncode, "give STUDENT or --student, not both" in done.stderr) == (2, True)
    assert not any(tmp_path.iterdir())


def test_a_larger_file_is_one_line_of_warning(tmp_path):
    done = export("fidelity", "--format", "onnx", "--set", "precision=int8", cwd=tmp_path)
    assert done.returncode == 0
    assert re.fullmatch(r"warning: int8 makes the file larger, [\d,]+ bytes instead of [\d,]+: [^\n]+\n", done.stderr)


def test_quiet_prints_nothing(tmp_path):
    done = export("fidelity", "--format", "c", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "student.h").exists()
