"""Videos among other files: what becomes of them, of their damage, and of names that do not fit."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command import zerokd
from tests.student.enhance.video.clip import level_difference, make_clip, read_frames, scene
from zerokd.errors import OutputError, RecipeError
from zerokd.student.enhance import jobs
from zerokd.student.enhance.engines import Engine
from zerokd.student.enhance.jobs import EnhanceOptions, plan_task, run_task


def prepare_image(image, strength):
    def compute_band(target, first, last):
        added = round(10 * strength) * (1 if image.dtype == np.uint8 else 257)
        target[first:last, :, :3] = image[first:last, :, :3] + image.dtype.type(added)

    return compute_band


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, and an engine that adds 10 levels."""
    monkeypatch.setattr(jobs, "choose_engine", lambda *_: Engine("torch", "a test", prepare_image))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def enhance(*inputs, out, report=lambda file_report: None, **options):
    return run_task(plan_task([Path(path) for path in inputs], Path(out), EnhanceOptions(**options)), report)


def damaged_clip(path):
    make_clip(path, [scene(number % 7) for number in range(50)], options={"crf": "1", "g": "10", "bf": "0"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_damaged_video_is_written_named_and_never_up_to_date():
    damaged_clip(Path("a.mkv"))
    messages = []
    summary = enhance("a.mkv", out="out", report=lambda file_report: messages.append(file_report.message))
    assert list(summary.damaged_files) == ["a.mkv"]
    assert (summary.enhanced_files, summary.failures) == ([], {})
    count = len(read_frames(Path("out/a.mkv")))
    assert messages[0].startswith(f"{50 - count} of 50 frames are lost")
    written = Path("out/a.mkv").stat().st_mtime_ns
    again = enhance("a.mkv", out="out")
    assert list(again.damaged_files.values()) == [messages[0]]
    assert Path("out/a.mkv").stat().st_mtime_ns == written  # nothing is computed twice


def test_a_damaged_video_that_was_replaced_is_whole():
    damaged_clip(Path("a.mkv"))
    enhance("a.mkv", out="out")
    make_clip(Path("a.mkv"))
    assert enhance("a.mkv", out="out").enhanced_files == ["a.mkv"]
    assert enhance("a.mkv", out="out").up_to_date_files == ["a.mkv"]


def test_a_damaged_video_ends_with_exit_code_1(folder):
    damaged_clip(Path("a.mkv"))
    done = zerokd("enhance", "a.mkv", "-o", "out", "--strength", "0", cwd=folder)
    assert done.returncode == 1
    assert "a.mkv: DAMAGED: " in done.stdout
    assert done.stdout.endswith("1 file DAMAGED\n")


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("a.mp4", "b.png", "'a.mp4' is a video, 'b.png' is none"),
        ("a.png", "b.mp4", "'a.png' is a photo, 'b.mp4' is none"),
        ("a.mp4", "b.gif", "zerokd cannot write .gif files: 'b.gif'"),
        ("a.mp4", "b.MTS", "zerokd cannot write .mts files: 'b.MTS'"),
        ("a.png", "b.heic", "zerokd cannot write .heic files: 'b.heic'"),
        ("b.gif", "out", "zerokd cannot enhance this kind of file: 'b.gif'"),
    ],
)
def test_a_result_of_another_kind_is_refused_before_anything_is_written(folder, source, target, reason):
    make_clip(Path("a.mp4"))
    Image.fromarray(scene()).save("a.png")
    if source == "b.gif":
        Image.fromarray(scene()).save("b.gif")
    before = sorted(os.listdir())
    with pytest.raises(RecipeError, match=reason.replace(".", r"\.")):
        enhance(source, out=target)
    assert zerokd("enhance", source, "-o", target, cwd=folder).returncode == 2
    assert sorted(os.listdir()) == before


def test_a_folder_that_exists_may_have_any_name():
    make_clip(Path("a.mp4"))
    Path("b.gif").mkdir()
    assert enhance("a.mp4", out="b.gif").enhanced_files == ["a.mp4"]
    assert Path("b.gif/a.mp4").is_file()


def test_the_container_follows_the_name_of_the_result():
    make_clip(Path("a.mp4"))
    enhance("a.mp4", out="b.mkv")
    assert Path("b.mkv").read_bytes()[:4] == b"\x1a\x45\xdf\xa3"  # EBML
    enhance("a.mp4", out="c.AVI")
    assert Path("c.AVI").read_bytes()[:4] == b"RIFF"


def test_before_and_after_of_a_video_lie_side_by_side():
    make_clip(Path("a.mp4"))
    enhance("a.mp4", out="out", compare=True)
    before, after, both = (read_frames(Path(name))[2][1] for name in ("a.mp4", "out/a.mp4", "out/a.compare.mp4"))
    assert both.shape == (48, 136, 3)
    assert level_difference(both[:, :64], before) < 3
    assert level_difference(both[:, -64:], after) < 3
    assert after.astype(int).mean() - before.mean() == pytest.approx(10, abs=1.5)
    assert enhance("a.mp4", out="out", compare=True).up_to_date_files == ["a.mp4"]


def test_strength_0_changes_nothing_but_the_codec():
    make_clip(Path("a.mp4"))
    enhance("a.mp4", out="out", strength=0.0)
    for (_, old), (_, new) in zip(read_frames(Path("a.mp4")), read_frames(Path("out/a.mp4")), strict=True):
        assert level_difference(old, new) < 1.5
        assert abs(new.astype(int).mean() - old.mean()) < 0.6


def test_colons_in_names(folder):
    make_clip(Path("12:30:05.mp4"))
    done = zerokd("enhance", "12:30:05.mp4", "-o", "file:1.mp4", "--strength", "0", cwd=folder)
    assert done.returncode == 0
    assert len(read_frames(Path("file:1.mp4"))) == 6


def test_a_name_that_is_too_long_fails_alone():
    folder = Path("in")
    folder.mkdir()
    for name in ("a", "b" * 244, "c"):
        make_clip(folder / f"{name}.mp4")
    summary = enhance("in", out="out")
    assert len(summary.enhanced_files) == 3
    summary = enhance("in", out="compared", compare=True)  # NAME.compare.mp4 has more than 255 bytes
    assert sorted(summary.enhanced_files) == ["a.mp4", "c.mp4"]
    (failure,) = summary.failures.values()
    assert "cannot write" in failure
    assert {path.name for path in Path("compared").iterdir() if path.suffix == ".mp4"} == {
        "a.mp4", "a.compare.mp4", "c.mp4", "c.compare.mp4"
    }  # fmt: skip


def test_a_folder_in_the_place_of_a_result_fails_alone():
    for name in ("a.mp4", "b.mp4"):
        make_clip(Path(name))
    Path("out/a.mp4").mkdir(parents=True)
    summary = enhance("a.mp4", "b.mp4", out="out", overwrite=True)
    assert (list(summary.failures), summary.enhanced_files) == (["a.mp4"], ["b.mp4"])


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_ends_it():
    make_clip(Path("a.mp4"))
    Path("out").mkdir(mode=0o500)
    with pytest.raises(OutputError):
        enhance("a.mp4", out="out")


def test_deinterlacing_is_an_option(folder):
    make_clip(Path("a.mp4"), options={"crf": "4", "x264-params": "tff=1"})
    done = zerokd("enhance", "a.mp4", "-o", "b.mp4", "--deinterlace", "--strength", "0", cwd=folder)
    assert (done.returncode, "a.mp4: deinterlaced\n" in done.stdout) == (0, True)
