"""The C export gives PyTorch's pixels: every size, layout, depth and part of an image, clean under the sanitizers."""

import shutil
import subprocess

import numpy as np
import pytest
import torch

from zerokd.exporters.c import C
from zerokd.exporters.c_code import generate_header
from zerokd.exporters.c_library import compile_header, load_library
from zerokd.exporters.traced_program import trace_model
from zerokd.models.le_curve import le_curve
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
MAIN = """
#define STUDENT_IMPLEMENTATION
#include "student.h"
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    for (int width = 1; width < 48; width += 5) for (int height = 1; height < 48; height += 3) {
        const size_t count = (size_t)width * height * 3;
        uint8_t *in = malloc(count), *out = malloc(count);
        float *fin = malloc(count * sizeof(float)), *fout = malloc(count * sizeof(float));
        for (size_t i = 0; i < count; i++) { in[i] = (uint8_t)(i * 37); fin[i] = (float)(i % 11) * 0.1f; }
        student_u8(in, out, width, height, student_interleaved(width, 3), 2.0f);
        student_u8_rows(in, out, width, height, student_interleaved(width, 3), 0.5f, height / 2, height);
        student_f32(fin, fout, width, height, student_planar(width, height), 1.0f);
        printf("%d %f\\n", out[count - 1], (double)fout[0]);
        free(in); free(out); free(fin); free(fout);
    }
    return 0;
}
"""


def student(seed=0):
    torch.manual_seed(seed)
    model = NanoDce().eval()
    with torch.no_grad():
        model.e_conv3.point_conv.weight.mul_(8)  # a map that is far from 0
    return model


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A student, and what its compiled header does."""
    model, folder = student(), tmp_path_factory.mktemp("c")
    compile_header(generate_header(trace_model(model), "student", "test"), "student", folder / "student.so")
    prepare_image = load_library(folder / "student.so", "student")

    def rows(image, target, strength, first, last):
        prepare_image(image, strength)(target, first, last)

    return model, rows


@torch.no_grad()
def expected(model, image, strength=1.0):
    low = torch.from_numpy(image.transpose(2, 0, 1)[None].copy())
    curve_map = (model(low)["curve_map"] * strength).clamp(-1, 1)
    return le_curve(low, curve_map, 4)[0].permute(1, 2, 0).numpy()


def noise(height, width, seed=0):
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


def test_every_size_up_to_40_by_40(compiled):
    model, rows = compiled
    for height in range(1, 41):
        for width in range(1, 41):
            image = noise(height, width)
            target = np.full_like(image, np.nan)
            rows(image, target, 1.0, 0, height)
            if height * width % 7 == 1:  # each is computed; PyTorch takes longer
                assert np.abs(target - expected(model, image)).max() <= 1e-5
            assert np.isfinite(target).all()


@pytest.mark.parametrize("size", [(3, 700), (700, 3), (130, 431)])
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 2.0])
def test_strips_and_strengths(compiled, size, strength):
    model, rows = compiled
    image = noise(*size)
    target = np.empty_like(image)
    rows(image, target, strength, 0, size[0])
    assert np.abs(target - expected(model, image, strength)).max() <= 1e-5
    assert strength or np.array_equal(target, image)


def test_parts_are_the_whole_bit_for_bit(compiled):
    _, rows = compiled
    image = noise(97, 333)
    whole, parts = np.empty_like(image), np.empty_like(image)
    rows(image, whole, 1.0, 0, 97)
    for first, last in ((0, 1), (1, 2), (2, 40), (40, 97)):
        rows(image, parts, 1.0, first, last)
    assert np.array_equal(whole, parts)


@pytest.mark.parametrize(("kind", "most"), [("uint8", 255), ("uint16", 65535)])
def test_whole_numbers_are_rounded_to_the_nearest(compiled, kind, most):
    model, rows = compiled
    image = np.rint(noise(31, 45) * most).astype(kind)
    target = np.empty_like(image)
    rows(image, target, 1.0, 0, 31)
    exact = expected(model, (image / np.float32(most)).astype(np.float32)).astype(np.float64) * most
    assert np.abs(target - exact).max() <= 0.5 + 1e-5 * most


def test_an_alpha_is_left_as_it_is(compiled):
    model, rows = compiled
    image = np.concatenate([noise(9, 11), np.full((9, 11, 1), 0.25, np.float32)], axis=2)
    target = np.full_like(image, 7.0)
    rows(image, target, 1.0, 0, 9)
    assert (target[..., 3] == 7.0).all()
    assert np.abs(target[..., :3] - expected(model, image[..., :3])).max() <= 1e-5


@pytest.mark.parametrize(
    "flags", [["-O0"], ["-O3"], ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover"]]
)
def test_no_compiler_and_no_sanitizer_has_anything_to_say(tmp_path, flags):
    (tmp_path / "student.h").write_text(generate_header(trace_model(student()), "student", "test"))
    (tmp_path / "main.c").write_text(MAIN)
    strict = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wno-sign-conversion", "-Werror"]
    command = ["cc", *strict, *flags, "main.c", "-o", "main", "-lm"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler")
@pytest.mark.parametrize("more", ["", "#define STUDENT_IMPLEMENTATION\n"])
def test_cpp_takes_it_too(tmp_path, more):
    (tmp_path / "student.h").write_text(generate_header(trace_model(student()), "student", "test"))
    call = "student_layout x() { return student_planar(4, 3); }"
    (tmp_path / "main.cpp").write_text(f'{more}#include "student.h"\n{call}\n')
    command = ["c++", "-Wall", "-Wextra", "-Werror", "-c", "main.cpp"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_skip_network_with_rows_of_its_own(tmp_path):
    torch.manual_seed(1)
    model, exporter = ZeroDcePp(width=9).eval(), C(name="teacher")
    exporter.write(model, tmp_path / "teacher.h", {"recipe": "x"})
    low = np.random.default_rng(0).random((2, 3, 41, 37), np.float32)
    with torch.no_grad():
        exact = model(torch.from_numpy(low))["enhanced"].numpy()
    assert np.abs(exporter.run(tmp_path / "teacher.h")(low) - exact).max() <= 1e-5
