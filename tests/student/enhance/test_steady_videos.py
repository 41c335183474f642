"""Videos whose light holds, fades, changes or cuts: what becomes of each frame, in C and in PyTorch."""

import importlib.util
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.command import zerokd
from tests.conftest import ROOT
from tests.student.enhance.video.clip import make_clip, read_frames
from zerokd.exporters.c_library import find_compiler
from zerokd.student.enhance import engines
from zerokd.student.enhance.engines import choose_engine
from zerokd.student.enhance.jobs import EnhanceOptions, plan_task, run_task
from zerokd.student.enhance.video.frames import FrameEncoding
from zerokd.student.location import resolve_student_file

pytest.importorskip("av")
needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
spec = importlib.util.spec_from_file_location("video_exposure", ROOT / "benchmarks" / "video_exposure.py")
clips = importlib.util.module_from_spec(spec)
spec.loader.exec_module(clips)
RATE, SWITCH = clips.RATE, clips.SWITCH_FRAME


@pytest.fixture(scope="module")
def engine():
    return choose_engine(resolve_student_file("best"), threads=1)


def steady(engine, frames):
    return clips.play(engine, frames, over_time=True)


def test_a_static_scene_with_noise_does_not_flicker(engine):
    frames = clips.create_static()
    alone, followed = (clips.largest_step(clips.play(engine, frames, over_time)) for over_time in (False, True))
    assert alone > 0.4  # levels
    assert followed <= 0.25


@pytest.mark.parametrize(("seconds", "most"), [(1, 1.0), (3, 6.0)])
def test_a_fade_from_black_stays_a_fade(engine, seconds, most):
    frames = clips.create_fade(seconds)
    results = steady(engine, frames)
    brightness = clips.brightness(results)
    assert (brightness[: RATE // 2] == 0).all()
    assert np.diff(brightness).min() > -0.5
    assert (
        clips.fade_error(results, frames, engine) <= most < clips.fade_error(clips.play(engine, frames), frames, engine)
    )
    assert clips.half_brightness_seconds(clips.play(engine, frames)) < seconds / 6
    assert seconds / 4 < clips.half_brightness_seconds(results) < seconds / 2


def test_a_fade_to_black_stays_a_fade(engine):
    frames = clips.create_fade(1)[::-1]
    results = steady(engine, frames)
    assert np.diff(clips.brightness(results)).max() < 0.5
    assert results[-1].max() == 0
    assert clips.fade_error(results, frames, engine) <= 1


def test_a_lamp_that_enters_hardly_darkens_the_room(engine):
    frames, room = clips.create_lamp()
    assert clips.room_change(clips.play(engine, frames), room) < -10  # levels
    assert -5 < clips.room_change(steady(engine, frames), room) <= 0


@pytest.mark.parametrize("lights", [(0.3, 2.0), (2.0, 0.3)])
def test_a_cut_has_its_exposure_at_once(engine, lights):
    frames = clips.create_cut(lights)
    results, alone = steady(engine, frames), clips.play(engine, frames)
    for number in (clips.CUT_FRAME - 1, clips.CUT_FRAME, clips.CUT_FRAME + 5):
        assert np.abs(results[number].astype(int) - alone[number]).max() <= 2


@pytest.mark.parametrize(("lights", "seconds"), [((0.4, 2.0), 1.2), ((2.0, 0.4), 3.5)])
def test_a_switched_light_is_adapted_to_in_time_and_gradually(engine, lights, seconds):
    results = steady(engine, clips.create_switch(lights))
    assert 0.5 < clips.adaptation_seconds(results) < seconds
    # the scene itself does not change from here on: 0.02 of 255 for the strength, the rest for the map and the noise
    steps = np.array([np.abs(after.astype(int) - before) for before, after in pairwise(results[SWITCH:])])
    assert 0.5 < steps.mean((1, 2, 3)).max() <= 0.02 * 255
    assert steps.max() <= 10
    alone = clips.play(engine, clips.create_switch(lights)[SWITCH - 1 : SWITCH + 1])
    assert abs(results[-1].mean() - alone[1].mean()) < 3


@needs_compiler
@pytest.mark.parametrize("create", ["create_cut", "create_switch", "fade"])
def test_c_and_pytorch_agree(create):
    frames = clips.create_fade(1)[6:-15] if create == "fade" else getattr(clips, create)((0.3, 2.0))[:40]
    by_c, by_torch = (
        steady(choose_engine(resolve_student_file("best"), name, threads=1), frames) for name in ("c", "torch")
    )
    assert max(np.abs(a.astype(int) - b).max() for a, b in zip(by_c, by_torch, strict=True)) <= 1


def test_exposure_does_not_depend_on_the_frame_rate(engine):
    """A switched light after a second, at 25 frames and at 5 frames a second with the steps of the frame limit."""
    scene = clips.create_scene(1)
    results = [
        clips.play(engine, [scene] * rate + [0.6 * scene] * (2 * rate), over_time=True, rate=rate) for rate in (50, 25)
    ]
    assert abs(results[0][99].mean() - results[1][49].mean()) < 2


def enhance(out, **options):
    run_task(plan_task([Path("a.mkv")], Path(out), EnhanceOptions(**options)))
    return [frame for _, frame in read_frames(Path(out) / "a.mkv")]


def fade_file(path="a.mkv", times=None):
    images = [clips.to_pixels(frame) for frame in clips.create_fade(1)]
    make_clip(Path(path), images, times=times)


def test_files_keep_their_fade_with_any_number_of_threads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engines, "TILE_ROWS", 16)
    encoded = []  # x264's own threads do not repeat its bits
    replace_pixels = FrameEncoding.replace_pixels
    monkeypatch.setattr(
        FrameEncoding, "replace_pixels", lambda *arguments: encoded.append(arguments[2]) or replace_pixels(*arguments)
    )
    fade_file()
    frames = enhance("one", threads=1)
    assert len(frames) == len(clips.create_fade(1))
    assert clips.brightness(frames)[0] < 1
    assert clips.half_brightness_seconds(frames) > 0.3
    count = len(encoded)
    enhance("two", threads=2)
    assert len(encoded) == 2 * count > 0
    assert all(np.array_equal(a, b) for a, b in zip(encoded[:count], encoded[count:], strict=True))


def test_frame_by_frame_is_another_result(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fade_file()
    command = ("enhance", "a.mkv", "-o", "out", "--threads", "1")
    assert "Enhanced 1 file" in zerokd(*command, cwd=tmp_path).stdout
    assert "1 file already up to date" in zerokd(*command, cwd=tmp_path).stdout
    done = zerokd(*command, "--frame-by-frame", cwd=tmp_path)
    assert "Enhanced 1 file" in done.stdout
    assert clips.half_brightness_seconds([frame for _, frame in read_frames(Path("out/a.mkv"))]) < 0.2


def test_a_comparison_shows_the_frames_that_waited(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fade_file()
    enhance("out", compare=True)
    both = [frame for _, frame in read_frames(Path("out/a.compare.mkv"))]
    before = [frame for _, frame in read_frames(Path("a.mkv"))]
    assert len(both) == len(before)
    assert all(abs(frame[:, : clips.WIDTH].mean() - old.mean()) < 2 for frame, old in zip(both, before, strict=True))


def test_irregular_times_stay_and_count(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    count = len(clips.create_fade(1))
    times = np.cumsum(np.random.default_rng(0).choice([0.02, 0.05, 0.11], count)).round(3).tolist()
    fade_file(times=times)
    enhance("out")
    written = [time for time, _ in read_frames(Path("out/a.mkv"))]
    assert np.allclose(written, [time for time, _ in read_frames(Path("a.mkv"))], atol=2e-3)


def test_a_student_without_states_is_as_before(engine):
    local = choose_engine(resolve_student_file("fidelity"), threads=1)
    assert (engine.states is None, local.states) == (False, None)
    frames = clips.create_cut((0.3, 2.0))[:20]
    for a, b in zip(steady(local, frames), clips.play(local, frames), strict=True):
        assert np.array_equal(a, b)
