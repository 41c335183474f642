"""The source of a frei0r filter: complete, clean under compilers and sanitizers, and steady over time."""

import shutil
import subprocess

import numpy as np
import pytest

from tests.exporters.test_c_auto_exposure import scene
from tests.exporters.test_frei0r import enhance_in_pytorch, video
from zerokd.exporters.c_library import compile_source
from zerokd.exporters.frei0r_code import generate_filter
from zerokd.exporters.frei0r_host import Frei0rFilter
from zerokd.models.auto_exposure import AutoExposure
from zerokd.models.nano_dce import NanoDce

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
MAIN = """
int main(void) {
    f0r_plugin_info_t info;
    f0r_param_info_t parameter;
    f0r_get_plugin_info(&info);
    if (!f0r_init() || info.num_params < 1) return 1;
    for (int i = -1; i <= info.num_params; i++) f0r_get_param_info(&parameter, i);
    for (unsigned int width = 1; width < 300; width = width * 3 + 1) {
        f0r_instance_t instance = f0r_construct(width, 24);
        uint32_t *in = malloc(4 * 24 * width), *out = malloc(4 * 24 * width);
        double value = 0.5;
        for (unsigned int i = 0; i < 24 * width; i++) in[i] = i * 2654435761u & 0xff3f3f3fu;
        for (int i = -1; i <= info.num_params; i++) f0r_set_param_value(instance, &value, i);
        for (int i = 0; i < 4; i++) f0r_update(instance, i * 0.04, in, out);
        if (in[5] >> 24 != out[5] >> 24) return 2;
        f0r_destruct(instance);
        free(in);
        free(out);
    }
    f0r_deinit();
    return 0;
}
"""


def student():
    return AutoExposure().eval()


@pytest.mark.parametrize("model", [student(), NanoDce().eval()], ids=["auto_exposure", "nano_dce"])
@pytest.mark.parametrize("flags", [["-O3"], ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover"]])
def test_no_compiler_and_no_sanitizer_has_anything_to_say(tmp_path, flags, model):
    text = generate_filter(model, "student", "*/ about", 30.0)
    assert "$" not in text
    (tmp_path / "main.c").write_text(text + MAIN)
    strict = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wno-sign-conversion", "-Werror"]
    done = subprocess.run(["cc", *strict, *flags, "main.c", "-o", "main"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_in_its_comment_compiles_it(tmp_path):
    (tmp_path / "student.c").write_text(generate_filter(NanoDce().eval(), "student", "about", 30.0))
    lines = (tmp_path / "student.c").read_text().splitlines()
    commands = [line.removeprefix(" *     ") for line in lines if line.startswith(" *     ")][:2]
    assert commands[0] == "mkdir -p ~/.frei0r-1/lib"
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run(["sh", "-c", "\n".join(["set -e", *commands])], cwd=tmp_path, env=environment, check=True)
    assert Frei0rFilter(tmp_path / ".frei0r-1/lib/student.so").name == "zerokd student"


def test_it_exports_the_functions_of_hosts_alone(tmp_path):
    compile_source(generate_filter(student(), "student", "about", 30.0), tmp_path / "student.so")
    done = subprocess.run(["nm", "-D", "--defined-only", tmp_path / "student.so"], capture_output=True, text=True)
    names = [line.split()[-1] for line in done.stdout.splitlines()]
    assert len(names) == 9
    assert all(name.startswith("f0r_") for name in names)


@pytest.fixture(scope="module")
def model():
    return student()


@pytest.fixture(scope="module")
def compiled(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("filter") / "student.so"
    compile_source(generate_filter(model, "student", "about", 50.0), path)
    return Frei0rFilter(path)


def play(compiled, frames, times):
    instance = compiled.open_instance(frames.shape[2], frames.shape[1])
    frames = np.concatenate([frames, frames[..., :1]], axis=3)
    return np.stack([instance(frame, time)[..., :3] for frame, time in zip(frames, times, strict=True)])


def test_times_in_seconds_and_milliseconds_and_no_time(compiled):
    frames, numbers = video(), np.arange(len(video()))
    seconds = play(compiled, frames, 7.3 + numbers / 25)
    assert np.array_equal(seconds, play(compiled, frames, 91 + numbers * 40.0))
    assert np.array_equal(play(compiled, frames, numbers / 50), play(compiled, frames, np.full(len(frames), -3e20)))
    assert np.array_equal(play(compiled, frames, numbers / 50), play(compiled, frames, np.full(len(frames), np.nan)))
    assert not np.array_equal(seconds, play(compiled, frames, numbers / 50))


def test_a_frame_that_is_drawn_again_stays(compiled):
    frames, times = video()[:12], np.arange(12) / 25
    once, twice = play(compiled, frames, times), play(compiled, frames.repeat(2, 0), times.repeat(2))
    assert np.array_equal(twice[::2], once)
    assert np.array_equal(twice[1::2], once)


def test_it_starts_anew_after_a_step_back_or_a_long_one(model, compiled):
    frames = np.stack([scene(*video().shape[1:3])] * 3 + [scene(*video().shape[1:3]) // 2])
    alone = play(compiled, frames[3:], [0.0])[0]
    assert np.array_equal(play(compiled, frames, [0.0, 0.04, 0.08, 4.0])[3], alone)
    assert np.array_equal(play(compiled, frames, [1.0, 1.04, 1.08, 0.5])[3], alone)
    assert not np.array_equal(play(compiled, frames, [0.0, 0.04, 0.08, 0.12])[3], alone)
    exact = enhance_in_pytorch(model, frames)
    assert np.abs(play(compiled, frames, np.arange(4) / 25) - exact).max() <= 1.0


def test_parameters_have_limits(compiled):
    assert compiled.parameters == ["strength", "exposure", "denoise"]
    instance = compiled.open_instance(8, 8)
    assert [instance.get_value(index) for index in range(3)] == [1.0, 0.54, 1.0]
    for value, stored in ((-1.0, 0.0), (float("nan"), 0.0), (5.0, 2.0), (0.25, 0.25)):
        instance.set_value(0, value)
        assert instance.get_value(0) == stored
    instance.set_value(1, 7.0)
    assert instance.get_value(1) == 1.0
