"""The C export gives PyTorch's pixels: every size, layout, depth and part of an image, clean under the sanitizers."""

import re
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


EXTREMES = """
#define LAG user_lag
#define WIDTH user_width
#define MAX(a) user_max
#include <sys/param.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define STUDENT_IMPLEMENTATION
#include "student.h"
#ifndef LAG
#error the header took a macro of the program away
#endif

static void check(int is_right, const char *text) {
    if (!is_right) { printf("wrong: %s\\n", text); exit(1); }
}

static void fill(uint8_t *pixels, size_t count) {
    for (size_t i = 0; i < count; i++) pixels[i] = (uint8_t)(i * 37 + 1);
}

static void check_strength(float strength) {
    uint8_t in[27], out[27], before[27];
    fill(in, 27);
    memset(out, 9, 27);
    memset(before, 9, 27);
    student_u8(in, out, 3, 3, student_interleaved(3, 3), strength);
    check(!memcmp(out, before, 27), "a strength that is not finite writes nothing");
}

static void check_high_images(void) {
    /* every row and column is the same pixel, so that an image of any height needs three numbers */
    const student_layout zero = {0, 0, 1};
    uint8_t in[3] = {40, 80, 120}, out[3] = {0, 0, 0}, inner[3] = {0, 0, 0};
    student_u8_rows(in, inner, 40, 40, zero, 1.0f, 20, 21);
    student_u8_rows(in, out, 40, INT_MAX, zero, 1.0f, INT_MAX / 2, INT_MAX / 2 + 1);
    check(!memcmp(out, inner, 3), "a row in the middle");
    student_u8_rows(in, inner, 40, 40, zero, 1.0f, 38, 40);
    student_u8_rows(in, out, 40, INT_MAX, zero, 1.0f, INT_MAX - 2, INT_MAX);
    check(!memcmp(out, inner, 3), "the last rows");
    memset(out, 7, 3);
    student_u8_rows(in, out, 40, 40, zero, 1.0f, 40, INT_MAX);
    student_u8_rows(in, out, 40, 40, zero, 1.0f, INT_MIN, 0);
    student_u8(in, out, 0, 0, zero, 1.0f);
    student_u8(in, out, -1, INT_MIN, zero, 1.0f);
    check(out[0] == 7, "rows outside of the image are not written");
}

static void check_strides(void) {
    enum { W = 37, H = 23 };
    static uint8_t in[W * H * 5 * 2], out[W * H * 5 * 2], plain_in[W * H * 3], plain[W * H * 3];
    const student_layout flipped = {-5, -(W * 5 * 2), 1};
    uint8_t *const start = in + sizeof in - 5 - W * 5, *const target = out + sizeof out - 5 - W * 5;
    fill(in, sizeof in);
    for (int y = 0; y < H; y++) for (int x = 0; x < W; x++) for (int c = 0; c < 3; c++)
        plain_in[(y * W + x) * 3 + c] = start[y * flipped.row + x * flipped.pixel + c];
    student_u8(plain_in, plain, W, H, student_interleaved(W, 3), 1.0f);
    student_u8(start, target, W, H, flipped, 1.0f);
    for (int y = 0; y < H; y++) for (int x = 0; x < W; x++) for (int c = 0; c < 3; c++)
        check(target[y * flipped.row + x * flipped.pixel + c] == plain[(y * W + x) * 3 + c], "negative strides");
    for (int shift = 0; shift < 9; shift += 4) /* results are unspecified, memory is not touched elsewhere */
        student_u8(in, in + shift, W, H, student_interleaved(W, 3), 1.0f);
}

static void check_values(void) {
    enum { N = 19 };
    static float in[N * N * 3], out[N * N * 3];
    static uint16_t deep[N * N * 3], deep_out[N * N * 3];
    const float values[] = {NAN, INFINITY, -INFINITY, 1e38f, -1e38f, 1e-45f, 0.5f};
    for (int i = 0; i < N * N * 3; i++) in[i] = values[i % 7], deep[i] = (uint16_t)(i * 811);
    student_f32(in, out, N, N, student_planar(N, N), 2.0f);
    student_f32(in, out, N, N, student_interleaved(N, 3), 1e38f);
    student_u16(deep, deep_out, N, N, student_planar(N, N), -1e38f);
    student_u16(deep, deep_out, N, N, student_planar(N, N), 1e38f);
    for (int i = 0; i < N * N * 3; i++) in[i] = 0.5f;
    in[0] = NAN;
    student_f32(in, out, N, N, student_interleaved(N, 3), 1.0f);
    check(isnan(out[0]) && !isnan(out[N * N * 3 - 1]), "NaN stays near its pixel");
}

static void check_sizes(void) {
    const int sides[] = {1, 2, 8191, 8192};
    for (int i = 0; i < 4; i++) for (int j = 0; j < 4; j++) {
        const int width = sides[i], height = sides[j], first = height > 4 ? height - 4 : 0;
        const size_t count = (size_t)width * height * 3;
        uint8_t *in = calloc(count, 1), *out = calloc(count, 1);
        student_u8_rows(in, out, width, height, student_interleaved(width, 3), 1.0f, first, height);
        if (width < 3 || height < 3) student_u8(in, out, width, height, student_planar(width, height), 1.0f);
        free(in); free(out);
    }
}

int main(void) {
    check_strength(NAN);
    check_strength(INFINITY);
    check_strength(-INFINITY);
    check_high_images();
    check_strides();
    check_values();
    check_sizes();
    return 0;
}
"""


@pytest.mark.parametrize("flags", [["-O2"], ["-O1", "-g", "-fsanitize=address,undefined,float-cast-overflow"]])
def test_extreme_calls_are_defined_and_no_macro_of_the_program_is_touched(tmp_path, flags):
    (tmp_path / "student.h").write_text(generate_header(trace_model(student()), "student", "test"))
    (tmp_path / "main.c").write_text(EXTREMES.replace("\\\\n", "\\n"))
    more = ["-fno-sanitize-recover=all"] if len(flags) > 1 else []
    command = ["cc", "-std=gnu99", *flags, *more, "main.c", "-o", "main", "-lm"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_macro_has_the_name_of_the_header():
    header = generate_header(trace_model(student()), "night", "test")
    macros = re.findall(r"#\s*(?:define|undef|ifndef|ifdef)\s+(\w+)", header)
    assert len(macros) > 10
    assert [macro for macro in macros if not macro.startswith("NIGHT_") and macro != "__cplusplus"] == []
