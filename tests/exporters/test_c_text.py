"""What C headers share: numbers to the last bit, pixels, and loops that compilers turn into vector code."""

import re
import subprocess

import numpy as np
import pytest

from zerokd.exporters.c_auto_exposure import generate_auto_exposure_header
from zerokd.exporters.c_code import generate_header
from zerokd.exporters.c_library import find_compiler
from zerokd.exporters.c_text import format_float32
from zerokd.exporters.traced_program import trace_model
from zerokd.student.load import load_model


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 1 / 3, 1e-20, 3.4e38, -7.25e-7, np.float32(0.1)])
def test_a_number_is_the_same_float_when_it_is_read_again(value):
    text = format_float32(value)
    assert text.endswith("f")
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?f", text)
    assert "." in text or "e" in text  # 1f is no number of C
    assert np.float32(float(text[:-1])) == np.float32(value)


def is_gcc():
    command = find_compiler()
    version = command and subprocess.run([*command, "--version"], capture_output=True, text=True).stdout
    return bool(version) and "Free Software Foundation" in version


@pytest.mark.skipif(not is_gcc(), reason="asks GCC which loops became vector code")
@pytest.mark.parametrize("flags", [["-O3"], ["-O3", "-march=x86-64-v3"]])
@pytest.mark.parametrize("name", ["fidelity", "best"])
def test_loops_over_pixels_become_vector_code(tmp_path, name, flags):
    """A branch that GCC makes of a minimum costs four times the time of the whole frame."""
    model = load_model(name)
    text = (
        generate_auto_exposure_header(model, "student", "")
        if name == "best"
        else generate_header(trace_model(model), "student", "")
    )
    (tmp_path / "student.h").write_text(text)
    (tmp_path / "student.c").write_text('#define STUDENT_IMPLEMENTATION\n#include "student.h"\n')
    command = [*find_compiler(), "-std=c99", *flags, "-fopt-info-vec", "-c", "student.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    if "-march" in done.stderr and done.returncode:
        pytest.skip("no such processor here")
    vectorised = {int(line) for line in re.findall(r"student\.h:(\d+):\d+: optimized: loop vectorized", done.stderr)}
    lines = text.splitlines()
    loops = [
        number
        for number, line in enumerate(lines, 1)
        if re.search(r"for \(int x = (0; x < (2 \* )?count|lo; x < hi);", line) and not line.endswith("\\")
        if name == "fidelity" or "LOOP" in lines[number - 2]
    ]
    assert len(loops) >= 3
    slow = [number for number in loops if number not in vectorised]
    assert [lines[number - 1].strip() for number in slow] == []


@pytest.mark.skipif(not is_gcc(), reason="asks GCC how much of the stack each function takes")
@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_the_header_says_how_much_stack_it_takes(tmp_path, level):
    text = generate_header(trace_model(load_model("fidelity")), "student", "")
    (tmp_path / "student.h").write_text(text)
    (tmp_path / "student.c").write_text('#define STUDENT_IMPLEMENTATION\n#include "student.h"\n')
    command = [*find_compiler(), "-std=c99", level, "-fstack-usage", "-c", "student.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    frames = dict(re.findall(r":(\w+)\t(\d+)\t", (tmp_path / "student.su").read_text()))
    path = ("student_u8", "student_rows", "student_strip", "student_store", "student_level")  # what calls what
    taken = sum(int(frames.get(name, 0)) for name in path)
    assert 0 <= 1024 * int(re.search(r"(\d+) KB of stack", text)[1]) - taken < 2048
