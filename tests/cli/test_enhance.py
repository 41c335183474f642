"""``zerokd enhance`` as a stranger uses it: a folder of photos with a bad one, killed, run again."""

import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command import start
from zerokd.exporters import c_library


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def zerokd(cache, tmp_path):
    def call(*arguments, wait=True):
        started = start("enhance", *arguments, cwd=tmp_path, env=os.environ | {"ZEROKD_CACHE": str(cache)})
        if not wait:
            return started
        out, err = started.communicate(timeout=300)
        assert "Traceback" not in err, err
        return started.returncode, out, err

    call.cache = cache
    return call


def fill(folder, count, size=(40, 30)):
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 90, (count, size[1], size[0], 3)).astype(np.uint8)
    for number, pixels in enumerate(noise):
        Image.fromarray(pixels).save(folder / f"{number:03}.{('jpg', 'png')[number % 2]}")
    return folder


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def test_one_bad_file_among_a_hundred(zerokd, tmp_path):
    photos = fill(tmp_path / "in", 99)
    (photos / "bad.jpg").write_bytes(b"\xff\xd8broken")
    code, out, _ = zerokd("in", "-o", "out")
    assert code == 1
    assert len(digests(tmp_path / "out")) == 99
    assert "bad.jpg: FAILED" in out
    assert "Enhanced 99 files in" in out
    assert max(map(len, out.splitlines())) <= 80
    assert re.match(r"Enhancing 100 files into out/ \((C engine|ONNX Runtime|PyTorch).*, \d+ threads\)\n", out)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    code, out, _ = zerokd("in", "-o", "out")
    assert (code, out.splitlines()[-1]) == (1, "99 files already up to date, 1 file FAILED")
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}


def test_killed_twenty_times_it_ends_with_the_bytes_of_one_run(zerokd, tmp_path):
    fill(tmp_path / "in", 30, (300, 200))
    assert zerokd("in", "-o", "whole")[0] == 0
    exact, draw = digests(tmp_path / "whole"), random.Random(0)
    for _ in range(20):
        started = zerokd("in", "-o", "out", wait=False)
        time.sleep(draw.uniform(0.25, 0.6))
        started.send_signal(signal.SIGKILL)
        started.communicate()
        for path in (tmp_path / "out").glob("[!.]*") if (tmp_path / "out").exists() else ():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == exact[path.name]
    assert zerokd("in", "-o", "out")[0] == 0
    assert digests(tmp_path / "out") == exact  # hidden leftovers would be in it


def test_shards_together_are_the_whole(zerokd, tmp_path):
    fill(tmp_path / "in", 12)
    for part in ("1/3", "2/3", "3/3"):
        assert zerokd("in", "-o", "out", "--shard", part)[0] == 0
    assert len(digests(tmp_path / "out")) == 12
    assert "12 files already up to date\n" in zerokd("in", "-o", "out")[1]


def test_a_single_photo_and_its_name(zerokd, tmp_path):
    fill(tmp_path / "in", 1)
    assert zerokd("in/000.jpg", "-o", "bright.jpg", "--compare")[0] == 0
    assert {"bright.jpg", "bright.compare.jpg"} <= set(digests(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["nowhere", "-o", "out"], 3, "does not exist"),
        (["in", "-o", "in"], 5, "would overwrite a photo"),
        (["in", "-o", "in/000.jpg"], 5, "is a file"),
        (["in", "-o", "out", "--student", "in/000.jpg"], 3, "not a student's file"),
        (["in", "-o", "out", "--student", "nothing"], 3, "does not exist"),
        (["in", "-o", "out", "--shard", "4/3"], 2, "write i/n"),
        (["in", "-o", "out", "--strength", "3"], 2, "not in the range"),
        (["empty", "-o", "out"], 3, "nothing to enhance"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(zerokd, tmp_path, arguments, code, reason):
    before = digests(fill(tmp_path / "in", 1))
    (tmp_path / "empty").mkdir()
    got, _, err = zerokd(*arguments)
    assert (got, reason in err) == (code, True), err
    assert digests(tmp_path / "in") == before
    assert not (tmp_path / "out").exists()


def test_a_folder_in_the_place_of_a_photo_is_left_alone(zerokd, tmp_path):
    fill(tmp_path / "in", 1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "000.jpg").mkdir()
    code, out, _ = zerokd("in", "-o", "out")
    assert code == 1
    assert "000.jpg" in out


def test_a_film_beside_photos(zerokd, tmp_path):
    make_clip = pytest.importorskip("tests.student.enhance.video.clip", reason="PyAV is not installed").make_clip
    make_clip(fill(tmp_path / "in", 1) / "clip.mp4")
    code, out, _ = zerokd("in", "-o", "out")
    assert (code, "Enhanced 2 files in" in out) == (0, True)
    assert set(digests(tmp_path / "out")) == {"000.jpg", "clip.mp4"}
    assert "2 files already up to date\n" in zerokd("in", "-o", "out")[1]


@pytest.mark.skipif(
    c_library.find_compiler() is None or not Path("/proc").exists(), reason="no C compiler, or no /proc"
)
def test_twelve_megapixels_fit_into_400_megabytes(zerokd, tmp_path):
    """All of the process, Python and the decoder included; torch alone would take more, and is not imported."""
    fill(tmp_path / "in", 1)
    assert zerokd("in", "-o", "first")[0] == 0  # compiles the student
    noise = np.random.default_rng(0).integers(0, 90, (3000, 4000, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.jpg")
    limited = (
        "import atexit, re, runpy, sys\n"
        "sys.argv = ['zerokd', 'enhance', 'large.jpg', '-o', 'out.jpg']\n"
        "peak = lambda: re.search(r'VmHWM: *\\t* *(\\d+) kB', open('/proc/self/status').read())[1]\n"
        "atexit.register(lambda: print(peak()))\n"
        "runpy.run_module('zerokd', run_name='__main__')"
    )
    environment = os.environ | {"ZEROKD_CACHE": str(zerokd.cache)}
    done = subprocess.run(
        [sys.executable, "-c", limited], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert (tmp_path / "out.jpg").exists(), done.stderr
    assert int(done.stdout.splitlines()[-1]) <= 400 * 1024  # kilobytes


def test_a_full_disk_is_told_and_what_was_done_stays(zerokd, tmp_path):
    fill(tmp_path / "in", 2)
    assert zerokd("in", "-o", "first")[0] == 0
    noise = np.random.default_rng(0).integers(0, 90, (900, 900, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "in" / "999.png")
    limited = (
        "import resource, runpy, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "sys.argv = ['zerokd', 'enhance', 'in', '-o', 'out']\n"
        "runpy.run_module('zerokd', run_name='__main__')"
    )
    environment = os.environ | {"ZEROKD_CACHE": str(zerokd.cache)}
    done = subprocess.run(
        [sys.executable, "-c", limited], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, "is the disk full?" in done.stderr) == (5, True), done.stderr
    assert "Traceback" not in done.stderr
    assert set(digests(tmp_path / "out")) == {"000.jpg", "001.png"}
    code, out, _ = zerokd("in", "-o", "out")
    assert (code, "Enhanced 1 file in" in out, "2 files already up to date" in out) == (0, True, True)


def test_other_kinds_in_a_folder_are_counted(zerokd, tmp_path):
    photos = fill(tmp_path / "in", 1)
    for name in ("a.gif", "b.GIF", "c.jfif", "d.mts"):
        (photos / name).write_bytes(b"x")
    code, out, _ = zerokd("in", "-o", "out")
    assert code == 0
    assert "Skipping 4 files of other kinds: 2 .gif, 1 .jfif, 1 .mts" in out


def test_a_strength_that_is_no_number_is_refused(zerokd, tmp_path):
    fill(tmp_path / "in", 1)
    code, _, err = zerokd("in", "-o", "out", "--strength", "nan")
    assert code == 2
    assert "NaN" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_memory_that_runs_out_is_called_that(zerokd, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("L", (8000, 8000)).save(folder / "large.png", compress_level=1)
    Image.new("L", (9500, 9500)).save(folder / "large.bmp")  # of which Pillow warns
    fill(tmp_path / "small", 1)
    zerokd("small", "-o", "made")  # compiles the student
    limit = "import resource, runpy; resource.setrlimit(resource.RLIMIT_AS, (600 * 2**20,) * 2); import sys"
    code = f"{limit}; sys.argv[0] = 'zerokd'; runpy.run_module('zerokd', run_name='__main__')"
    command = [sys.executable, "-c", code, "enhance", "in", "-o", "out", "--engine", "c", "--threads", "1"]
    environment = os.environ | {"ZEROKD_CACHE": str(zerokd.cache)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("FAILED: enhancing it: memory ran out") == 2
    assert "damaged" not in done.stdout
    assert "Warning" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_quiet_prints_failures_alone(zerokd, tmp_path):
    fill(tmp_path / "in", 1)
    assert zerokd("in", "-o", "out", "--quiet") == (0, "", "")
    (tmp_path / "in" / "bad.png").write_text("no")
    code, out, _ = zerokd("in", "-o", "out", "--quiet")
    assert (code, out.startswith("bad.png: FAILED: not an image"), "Enhancing" in out) == (1, True, False)


def test_controls_change_the_result_and_are_part_of_what_makes_it_up_to_date(zerokd, tmp_path):
    fill(tmp_path / "in", 1)
    levels = []
    for exposure in ("0.3", "0.7", "0.7"):
        code, out, _ = zerokd("in", "-o", "out", "--exposure", exposure)
        assert code == 0
        levels.append(np.asarray(Image.open(tmp_path / "out/000.jpg")).max(axis=2).mean() / 255)
    assert levels == pytest.approx([0.3, 0.7, 0.7], abs=0.05)
    assert "1 file already up to date" in out
    code, _, err = zerokd("in", "-o", "out", "--student", "fidelity", "--denoise", "0.5")
    assert (code, "has no control 'denoise'" in err) == (3, True)
    code, _, err = zerokd("in", "-o", "out", "--exposure", "nan")
    assert (code, "NaN is not a number in the range 0<x<1." in err) == (2, True)
