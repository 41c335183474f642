"""``zerokd export``: a checked file, or a reason."""

import subprocess
import sys

import pytest


def zerokd(*arguments, cwd, **environment):
    command = [sys.executable, "-m", "zerokd", "export", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize(("use", "name"), [("c", "student.h"), ("glsl", "student.glsl"), ("torchscript", "student.pt")])
def test_the_bundled_student_by_default(tmp_path, use, name):
    done = zerokd("--format", use, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert "on 20 sizes at most" in done.stdout


def test_mistakes_are_told_and_nothing_is_written(tmp_path):
    done = zerokd("--format", "onnx", "--set", "precision=int9", cwd=tmp_path)
    assert done.returncode == 2
    assert "'float32', 'float16' or 'int8', got 'int9'" in done.stderr
    done = zerokd("nowhere.safetensors", "--format", "c", cwd=tmp_path)
    assert (done.returncode, "does not exist" in done.stderr) == (3, True)
    assert list(tmp_path.iterdir()) == []
