"""The frei0r filter gives PyTorch's pixels, for images and over time, in real hosts: ffmpeg and melt."""

import os
import shutil
import subprocess

import numpy as np
import pytest
import torch

from tests.exporters.test_c_auto_exposure import back_lit, expected, scene
from zerokd.exporters.c_library import compile_source
from zerokd.exporters.frei0r import Frei0r
from zerokd.exporters.frei0r_code import generate_filter
from zerokd.models.auto_exposure import AutoExposure
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.load import load_trained_model

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
RATE, SIZE = 25, (64, 128)
FFMPEG, MELT = shutil.which("ffmpeg"), shutil.which("melt")


@pytest.fixture(scope="module")
def students():
    return {name: load_trained_model(name, discover_plugins()).model for name in ("best", "fidelity")}


@pytest.fixture(scope="module")
def filters(students, tmp_path_factory):
    """A folder with a compiled filter of each student, named like it."""
    folder = tmp_path_factory.mktemp("frei0r")
    for name, model in students.items():
        compile_source(generate_filter(model, name, "test", 60.0), folder / f"{name}.so")
    return folder


@pytest.mark.parametrize("name", ["best", "fidelity"])
def test_images_of_any_size_in_8_bits(students, tmp_path, name):
    exporter, path = Frei0r(name="zerokd"), tmp_path / "zerokd.c"
    exporter.write(students[name], path, {"recipe": "x"})
    low = (np.random.default_rng(0).integers(0, 80, (2, 3, 37, 51)) / np.float32(255)).astype(np.float32)
    enhanced = exporter.run(path)(low)
    with torch.no_grad():
        exact = students[name](torch.from_numpy(low))["enhanced"].numpy()
    assert np.abs(enhanced - exact).max() <= exporter.tolerance
    assert np.allclose(enhanced * 255, np.rint(enhanced * 255), atol=1e-4)


def video():
    """Frames (N, H, W, 3), uint8: noise, a light switched on and off, a fade to black and back, and a cut."""
    room, other = scene(*SIZE), (back_lit(*SIZE) * 255).astype(np.uint8)
    levels = [1.0] * 5 + [2.2] * 8 + [0.7] * 8 + [0.4, 0.15, 0.0, 0.0, 0.2, 0.5, 1.0, 1.0]
    noise = np.random.default_rng(0)
    lit = [room * level + noise.normal(0, 2.0, room.shape) * (level > 0) for level in levels] + [other] * 4
    return np.stack([np.rint(np.clip(frame, 0, 255)).astype(np.uint8) for frame in lit])


@torch.no_grad()
def enhance_in_pytorch(model, frames, strength=1.0, seconds=1 / RATE):
    """The frames with states that follow, anew after black."""
    state = before = None
    results = []
    for frame in frames:
        low = torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255
        measured = model.measure(low)
        if before is not None and model.steadiness(before, before, 0.0) == 0:
            before = None
        state = model.follow(state, before, measured, seconds)
        rendered = model.render(low, state, (0, 0, *frame.shape[:2]), strength)
        results.append(rendered[0].permute(1, 2, 0).clamp(0, 1).mul(255).numpy())
        before = measured
    return np.stack(results)


def assert_same_levels(frames, exact):
    """Rounding, and of a thousand values at most one that is a level off."""
    difference = np.abs(frames - exact)
    assert difference.max() <= 1.0
    assert (difference > 0.51).mean() <= 1e-3


def test_the_video_of_these_tests_moves_the_exposure(students):
    exact = enhance_in_pytorch(students["best"], video())
    alone = np.stack([expected(students["best"], frame.astype(np.float32) / 255) * 255 for frame in video()])
    assert np.abs(exact - alone).mean((1, 2, 3)).max() > 10


@pytest.fixture(scope="module")
def ffmpeg(filters):
    """The function that sends frames through a filter in ffmpeg."""
    if FFMPEG is None:
        pytest.skip("no ffmpeg")
    listed = subprocess.run([FFMPEG, "-v", "quiet", "-filters"], capture_output=True, text=True)
    if " frei0r " not in listed.stdout:
        pytest.skip("this ffmpeg is built without frei0r")

    def play(frames, name, pixel_format="rgb24", rate=RATE):
        raw = ["-f", "rawvideo", "-pix_fmt", pixel_format]
        size = ["-s", f"{frames.shape[2]}x{frames.shape[1]}", "-r", str(rate)]
        command = [FFMPEG, "-v", "error", *raw, *size, "-i", "-", "-vf", f"frei0r={name}", *raw, "-"]
        environment = {**os.environ, "FREI0R_PATH": str(filters)}
        done = subprocess.run(command, input=frames.tobytes(), capture_output=True, timeout=120, env=environment)
        assert done.returncode == 0, done.stderr.decode()
        return np.frombuffer(done.stdout, np.uint8).reshape(frames.shape)

    return play


@pytest.mark.parametrize("rate", [25, 120])
def test_ffmpeg_follows_over_time(students, ffmpeg, rate):
    assert_same_levels(
        ffmpeg(video(), "best", rate=rate), enhance_in_pytorch(students["best"], video(), seconds=1 / rate)
    )


def test_a_width_for_which_some_builds_of_ffmpeg_give_no_time(students, ffmpeg):
    """Without a time the frame rate of the export counts."""
    frames = np.ascontiguousarray(video()[:, :, :96])
    shown = ffmpeg(frames, "best")
    timed, untimed = (enhance_in_pytorch(students["best"], frames, seconds=1 / rate) for rate in (RATE, 60))
    assert np.abs(timed - untimed).max() > 2
    assert_same_levels(shown, timed if np.abs(shown - timed).max() <= 1 else untimed)


def test_ffmpeg_sets_parameters(students, ffmpeg):
    other = AutoExposure(exposure=0.35, denoise=0.25).eval()
    other.load_state_dict(students["best"].state_dict())
    frames = video()[:10]
    assert_same_levels(ffmpeg(frames, "best:0.6|0.35|0.25"), enhance_in_pytorch(other, frames, 0.6))
    assert np.array_equal(ffmpeg(frames, "best:0"), frames)


def test_ffmpeg_runs_a_student_of_local_pixels(students, ffmpeg):
    frames = video()[:3]
    low = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        exact = students["fidelity"](low)["enhanced"].permute(0, 2, 3, 1).numpy() * 255
    assert np.abs(ffmpeg(frames, "fidelity") - exact).max() <= 0.51
    assert np.array_equal(ffmpeg(frames, "fidelity:0"), frames)


def test_ffmpeg_keeps_alpha(ffmpeg):
    frames = video()[:3]
    alpha = np.random.default_rng(1).integers(0, 256, (*frames.shape[:3], 1)).astype(np.uint8)
    shown = ffmpeg(np.concatenate([frames, alpha], axis=3), "best", "rgba")
    assert np.array_equal(shown[..., 3:], alpha)
    assert np.array_equal(shown[..., :3], ffmpeg(frames, "best"))


@pytest.mark.skipif(not (FFMPEG and MELT), reason="no melt, the player of the library that Kdenlive and Shotcut use")
def test_melt_finds_it_and_follows_over_time(students, filters, tmp_path):
    """Kdenlive lists what melt lists. Melt counts time in seconds."""
    environment = {**os.environ, "FREI0R_PATH": str(filters), "QT_QPA_PLATFORM": "offscreen"}

    def melt(*arguments):
        command = [MELT, *arguments]
        return subprocess.run(
            command, capture_output=True, timeout=60, env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL
        )

    described = melt("-query", "filter=frei0r.best").stdout.decode()
    if "title: zerokd best" not in described:
        pytest.skip("this melt is built without frei0r")
    assert [line.split(":")[1].strip() for line in described.splitlines() if "default" in line] == ["1", "0.54", "1"]
    frames = video()
    size = f"{SIZE[1]}x{SIZE[0]}"
    command = [FFMPEG, "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", str(RATE), "-i", "-"]
    command += ["-c:v", "ffv1", "-pix_fmt", "gbrp", "low.mkv"]
    subprocess.run(command, input=frames.tobytes(), cwd=tmp_path, check=True)
    (tmp_path / "profile").write_text(
        f"description=test\nframe_rate_num={RATE}\nframe_rate_den=1\nwidth={SIZE[1]}\nheight={SIZE[0]}\nprogressive=1\n"
        f"sample_aspect_num=1\nsample_aspect_den=1\ndisplay_aspect_num=2\ndisplay_aspect_den=1\ncolorspace=709\n"
    )
    consumer = ["-consumer", "avformat:bright.mkv", "vcodec=rawvideo", "pix_fmt=rgba", "mlt_image_format=rgba", "an=1"]
    consumer += ["real_time=-1", "terminate_on_pause=1"]
    done = melt(
        "-profile",
        str(tmp_path / "profile"),
        "low.mkv",
        "-filter",
        "frei0r.best",
        *consumer,
        "real_time=-1",
        "terminate_on_pause=1",
    )
    assert done.returncode == 0, done.stderr.decode()
    command = [FFMPEG, "-v", "error", "-i", "bright.mkv", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    shown = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout
    shown = np.frombuffer(shown, np.uint8).reshape(-1, *SIZE, 3)
    assert len(shown) == len(frames)
    assert_same_levels(shown, enhance_in_pytorch(students["best"], frames))
