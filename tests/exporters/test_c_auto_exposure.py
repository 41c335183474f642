"""The two passes in C give PyTorch's pixels: every depth, layout and part, clean under the sanitizers."""

import shutil
import subprocess

import numpy as np
import pytest
import torch

from zerokd.data.dead_leaves import DeadLeaves
from zerokd.exporters.c_auto_exposure import BUFFER_BYTES, generate_auto_exposure_header, list_constants
from zerokd.exporters.c_library import compile_header, load_library
from zerokd.models.auto_exposure import AutoExposure
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.load import load_trained_model

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
MAIN = """
#define STUDENT_IMPLEMENTATION
#include "student.h"
#include <stdio.h>
int main(void) {
    static student_state state, measured, before;
    for (int width = 1; width < 620; width = width * 2 + 3) for (int height = 1; height < 48; height += 9) {
        const size_t count = (size_t)width * height * 3;
        uint8_t *in = malloc(count), *out = malloc(count);
        float *fin = malloc(count * sizeof(float)), *fout = malloc(count * sizeof(float));
        for (size_t i = 0; i < count; i++) { in[i] = (uint8_t)(i * 37 % 61); fin[i] = (float)(i % 11) * 0.02f; }
        if (student_u8(in, out, width, height, student_interleaved(width, 3), 2.0f)) return 1;
        if (student_measure_u8(in, width, height, student_interleaved(width, 3), &measured)) return 1;
        student_follow(&state, NULL, &measured, 0.0f);
        before = measured;
        in[0] ^= 7;
        if (student_measure_u8(in, width, height, student_interleaved(width, 3), &measured)) return 1;
        student_follow(&state, &before, &measured, 0.04f);
        if (!(student_steadiness(&before, &measured, 0.0f) >= 0.0f)) return 1;
        if (student_apply_u8_rows(in, out, width, height, student_interleaved(width, 3), &state, 0.5f, height / 2,
                                  height)) return 1;
        if (student_f32(fin, fout, width, height, student_planar(width, height), 1.0f)) return 1;
        printf("%d %f\\n", out[count - 1], (double)fout[0]);
        free(in); free(out); free(fin); free(fout);
    }
    return sizeof(student_buffers) > BUFFER_BYTES;
}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The bundled student, and what its compiled header does."""
    model, folder = load_trained_model("best", discover_plugins()).model, tmp_path_factory.mktemp("c")
    compile_header(generate_auto_exposure_header(model, "student", "test"), "student", folder / "student.so")
    return model, load_library(folder / "student.so", "student")


def scene(height, width, index=0):
    data = DeadLeaves(size=max(height, width, 16), count=index + 1, darkness=(3.0, 4.0), lit=0.0)
    return np.ascontiguousarray(data[index].permute(1, 2, 0).numpy()[:height, :width])


@torch.no_grad()
def expected(model, image, strength=1.0):
    low = torch.from_numpy(image.transpose(2, 0, 1)[None].copy())
    rendered = model.render(low, model.measure(low), (0, 0, *image.shape[:2]), strength)
    return rendered[0].permute(1, 2, 0).numpy()


def back_lit(height, width):
    """Dark on the left, bright on the right: zones are lifted."""
    image = scene(height, width).astype(np.float32) / 255
    image[:, width // 2 :] = np.minimum(1, 0.7 + image[:, width // 2 :])
    return image


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (17, 5), (40, 64), (63, 130), (97, 530), (300, 33)])
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 2.0])
def test_pixels_are_pytorchs(compiled, size, strength):
    model, prepare_image = compiled
    for image in (scene(*size).astype(np.float32) / 255, back_lit(*size)):
        target = np.full_like(image, np.nan)
        prepare_image(image, strength)(target, 0, size[0])
        assert np.abs(target - expected(model, image, strength)).max() <= 1e-5


def test_a_back_lit_image_is_lifted(compiled):
    model, _ = compiled
    low = torch.from_numpy(back_lit(120, 160)).permute(2, 0, 1)[None]
    assert model.measure(low).lift.item() > 0.5


def test_parts_are_the_whole_bit_for_bit(compiled):
    _, prepare_image = compiled
    image = scene(97, 333)
    whole, parts = np.empty_like(image), np.empty_like(image)
    compute_band = prepare_image(image, 1.0)
    compute_band(whole, 0, 97)
    for first, last in ((0, 1), (1, 2), (2, 39), (39, 97)):
        compute_band(parts, first, last)
    assert np.array_equal(whole, parts)


@pytest.mark.parametrize(("kind", "most"), [("uint8", 255), ("uint16", 65535)])
@pytest.mark.parametrize("channels", [3, 4])
def test_whole_numbers_are_rounded_and_an_alpha_stays(compiled, kind, most, channels):
    model, prepare_image = compiled
    image = np.rint(scene(31, 45) / 255 * most).astype(kind)
    exact = expected(model, (image / np.float32(most)).astype(np.float32)).astype(np.float64) * most
    image = np.concatenate([image, np.full((31, 45, 1), 9, kind)], axis=2)[..., :channels].copy()
    target = np.full_like(image, 7)
    prepare_image(image, 1.0)(target, 0, 31)
    assert np.abs(target[..., :3] - exact).max() <= 0.5 + 1e-5 * most
    assert (target[..., 3:] == 7).all()


def test_a_bright_image_is_copied(compiled):
    _, prepare_image = compiled
    image = np.random.default_rng(0).integers(170, 256, (50, 61, 3)).astype(np.uint8)
    target = np.zeros_like(image)
    prepare_image(image, 1.0)(target, 0, 50)
    assert np.array_equal(target, image)


def read_state(buffer):
    """The tensors of a state, by the layout of its struct."""
    numbers = np.frombuffer(buffer.raw, np.float32)
    single = [numbers[index : index + 1] for index in range(4, 8)]
    return [
        numbers[None, :4],
        *single,
        numbers[8 : 8 + 4096].reshape(1, 1, 64, 64),
        numbers[8 + 4096 :].reshape(1, 1, 64, 64),
    ]


def measure_both(compiled, image):
    model, student = compiled
    low = torch.from_numpy(image.transpose(2, 0, 1)[None].copy()).float() / 255
    return model.measure(low), student.measure(np.ascontiguousarray(image))


def assert_equal_states(state, buffer):
    for expected, values in zip(state, read_state(buffer), strict=True):
        assert np.abs(expected.numpy() - values).max() <= 2e-4 * max(1, float(expected.abs().max()))


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.04, 1.0, 100.0])
def test_states_follow_as_pytorchs_do(compiled, seconds):
    model, student = compiled
    room, other = scene(60, 90), scene(60, 90, 3)
    images = [room, room, room // 2, room // 2, 2 * room, other, np.zeros_like(room), np.zeros_like(room), room]
    images += [np.minimum(room, 200) + 20, (back_lit(60, 90) * 255).astype(np.uint8), np.full_like(room, 90), room]
    state = buffer = before = before_buffer = None
    for image in images:
        measured, measured_buffer = measure_both(compiled, image)
        assert_equal_states(measured, measured_buffer)
        state = model.follow(state, before, measured, seconds)
        buffer = student.follow(buffer, before_buffer, measured_buffer, seconds)
        assert_equal_states(state, buffer)
        if before is not None:
            expected = model.steadiness(before, measured, seconds).item()
            assert student.steadiness(before_buffer, measured_buffer, seconds) == pytest.approx(expected, abs=1e-3)
        before, before_buffer = measured, measured_buffer


def test_a_followed_state_is_another_object(compiled):
    _, student = compiled
    first, second = student.measure(scene(20, 20)), student.measure(scene(20, 20) // 2)
    before = first.raw, second.raw
    student.follow(first, first, second, 1.0)
    student.follow(None, None, second, 0.0)
    assert (first.raw, second.raw) == before


def test_settings_reach_the_code(compiled, tmp_path):
    model, _ = compiled
    other = AutoExposure(exposure=0.4, lift=3.0, denoise=0.5).eval()
    other.load_state_dict(model.state_dict())
    assert list_constants(other)["LIFT"] == 3.0
    compile_header(generate_auto_exposure_header(other, "other", "test"), "other", tmp_path / "other.so")
    image = back_lit(60, 90)
    target = np.empty_like(image)
    load_library(tmp_path / "other.so", "other")(image, 1.0)(target, 0, 60)
    assert np.abs(target - expected(other, image)).max() <= 1e-5
    assert np.abs(target - expected(model, image)).max() > 0.01


@pytest.mark.parametrize("flags", [["-O3"], ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover"]])
def test_no_compiler_and_no_sanitizer_has_anything_to_say(tmp_path, flags, compiled):
    (tmp_path / "student.h").write_text(generate_auto_exposure_header(compiled[0], "student", "test"))
    (tmp_path / "main.c").write_text(MAIN)
    strict = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wno-sign-conversion", "-Werror"]
    command = ["cc", *strict, f"-DBUFFER_BYTES={BUFFER_BYTES}", *flags, "main.c", "-o", "main"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
