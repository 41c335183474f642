"""``zerokd export``: a checked file, or a reason."""

import re

import pytest

from tests.command import zerokd


def export(*arguments, cwd):
    return zerokd("export", *arguments, cwd=cwd)


@pytest.mark.parametrize(("use", "name"), [("c", "student.h"), ("glsl", "student.glsl"), ("torchscript", "student.pt")])
def test_the_bundled_student_by_default(tmp_path, use, name):
    done = export("--format", use, cwd=tmp_path)
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
