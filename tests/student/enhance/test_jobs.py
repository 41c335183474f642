"""Many files: one that fails stops no other, none is done twice, and what is there is whole and ours."""

import os
import threading
import time

import numpy as np
import pytest
from PIL import Image, features

from tests.data import zoo
from zerokd.errors import OutputError, RecipeError
from zerokd.files.atomic import temporary_path
from zerokd.student.enhance import engines, jobs
from zerokd.student.enhance.engines import Engine
from zerokd.student.enhance.inputs import FileReport, FileStatus
from zerokd.student.enhance.jobs import EnhanceOptions, enhance_pixels, plan_task, run_task


def prepare_image(image, strength):
    def band(to, first, last):
        to[first:last, :, :3] = image[first:last, :, :3] + np.uint8(10 * strength)

    return band


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Five photos, and an engine that adds 10."""
    monkeypatch.setattr(jobs, "choose_engine", lambda *_: Engine("torch", "a test", prepare_image))
    monkeypatch.chdir(tmp_path)
    for number in range(5):
        path = tmp_path / f"in/{number % 2}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (7, 5), (number,) * 3).save(path)
    return tmp_path / "in"


def enhance(photos, enhance_options=None, out="out"):
    return run_task(plan_task([photos], photos.parent / out, enhance_options or EnhanceOptions()))


def level(path):
    with Image.open(path) as image:
        return image.getpixel((0, 0))[0]


def test_all_are_enhanced_and_the_second_time_none(photos):
    first, second = enhance(photos), enhance(photos)
    assert (len(first.enhanced_files), first.up_to_date_files, first.failures) == (5, [], {})
    assert (second.enhanced_files, len(second.up_to_date_files)) == ([], 5)
    assert [level(photos.parent / f"out/{n % 2}/{n}.png") for n in range(5)] == [10, 11, 12, 13, 14]
    assert [level(photos / f"{n % 2}/{n}.png") for n in range(5)] == [0, 1, 2, 3, 4]


def test_only_what_changed_is_done_again(photos):
    enhance(photos)
    Image.new("RGB", (7, 5), (99,) * 3).save(photos / "1/3.png")
    assert enhance(photos).enhanced_files == ["1/3.png"]
    assert level(photos.parent / "out/1/3.png") == 109
    assert len(enhance(photos, EnhanceOptions(strength=2.0)).enhanced_files) == 5
    assert level(photos.parent / "out/1/3.png") == 119


def test_a_bad_file_stops_no_other(photos):
    (photos / "1/3.png").write_bytes(b"broken")
    reports = []
    summary = run_task(plan_task([photos], photos.parent / "out", EnhanceOptions()), reports.append)
    assert summary.failures == {"1/3.png": "not an image, or damaged at its start"}
    assert len(summary.enhanced_files) == 4
    assert FileReport("1/3.png", FileStatus.FAILED, "not an image, or damaged at its start") in reports
    assert summary.describe(1.25) == "Enhanced 4 files in 1.2 s, 1 file FAILED"


def test_a_file_of_somebody_else_is_not_written_over(photos):
    (photos.parent / "out/1").mkdir(parents=True)
    (photos.parent / "out/1/1.png").write_bytes(b"precious")
    summary = enhance(photos)
    assert "zerokd did not create the existing" in summary.failures["1/1.png"]
    assert (photos.parent / "out/1/1.png").read_bytes() == b"precious"
    assert enhance(photos, EnhanceOptions(overwrite=True)).enhanced_files == ["1/1.png"]
    assert level(photos.parent / "out/1/1.png") == 11


def test_an_output_that_its_owner_edited_is_not_written_over(photos):
    enhance(photos)
    Image.new("RGB", (7, 5), "red").save(photos.parent / "out/0/0.png")
    assert list(enhance(photos).failures) == ["0/0.png"]


def test_before_and_after_stand_side_by_side(photos):
    enhance(photos, EnhanceOptions(compare=True))
    with Image.open(photos.parent / "out/1/1.compare.png") as image:
        assert image.size == (7 + jobs.COMPARISON_GAP + 7, 5)
        assert [image.getpixel((x, 2))[0] for x in (0, 7, 7 + jobs.COMPARISON_GAP)] == [1, 255, 11]
    assert len(enhance(photos, EnhanceOptions(compare=True)).up_to_date_files) == 5


def test_nothing_hidden_is_left_and_what_a_dead_process_left_goes(photos):
    mine = temporary_path(photos.parent / "out/0/0.png")  # of an earlier process with the same number
    dead, living = (
        mine.with_name(mine.name.replace(f"-{os.getpid()}.", f"-{number}.")) for number in (999_999_999, os.getppid())
    )
    others = [mine.with_name(".0.999999999.part.png"), mine.with_name(".0.png")]
    mine.parent.mkdir(parents=True)
    for path in (mine, dead, living, *others):
        path.write_bytes(b"half")
    enhance(photos)
    assert not mine.exists()
    assert not dead.exists()
    assert all(path.exists() for path in (living, *others))
    hidden = [path.name for path in photos.parent.rglob(".*") if path.is_file()]
    assert sorted(hidden) == sorted(path.name for path in (living, *others))


def test_a_folder_is_searched_twice_for_what_dead_processes_left_however_many_files_it_has(photos, monkeypatch):
    searched, plain = [], os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: searched.append(folder) or plain(folder))
    enhance(photos)
    out = photos.parent / "out"
    assert sorted(searched) == sorted(2 * [out / ".zerokd", out / "0", out / "1"])  # before all, before the first


def test_a_name_as_long_as_the_file_system_takes(photos):
    names = [f"1/{'n' * length}.png" for length in (240, 251)]  # 244 and 255 bytes
    for name in names:
        (photos / name).write_bytes((photos / "1/3.png").read_bytes())
    assert set(names) <= set(enhance(photos).enhanced_files)
    assert [level(photos.parent / "out" / name) for name in names] == [13, 13]


def test_photos_are_enhanced_side_by_side_where_the_engine_allows(photos, monkeypatch):
    together = threading.Barrier(2, timeout=20)

    def meeting(image, strength):
        together.wait()
        return prepare_image(image, strength)

    monkeypatch.setattr(jobs, "choose_engine", lambda *_: Engine("c", "a test", meeting, allows_parallel_bands=True))
    Image.new("RGB", (7, 5)).save(photos / "1/5.png")  # six: each meets another one
    reports = []
    summary = run_task(plan_task([photos], photos.parent / "out", EnhanceOptions(threads=2)), reports.append)
    names = [report.name for report in reports]
    assert names == summary.enhanced_files == sorted(names)
    assert len(names) == 6


def test_large_photos_take_turns(photos, monkeypatch):
    busy, most, threads = [], [], []

    def counted(image, strength):
        busy.append(1)
        most.append(len(busy))
        return lambda *given: (time.sleep(0.01), prepare_image(image, strength)(*given), busy.pop())[1]

    monkeypatch.setattr(jobs, "choose_engine", lambda *_: Engine("c", "a test", counted, allows_parallel_bands=True))
    monkeypatch.setattr(jobs, "MAX_PIXELS_IN_FLIGHT", 40)  # a photo has 35
    plain = jobs.enhance_pixels
    monkeypatch.setattr(jobs, "enhance_pixels", lambda *given: threads.append(given[-1]) or plain(*given))
    assert len(enhance(photos, EnhanceOptions(threads=4)).enhanced_files) == 5
    assert set(most) == {1}
    assert set(threads) == {4}


TORCHS = "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to allocate 2097152"


@pytest.mark.parametrize(("error", "more"), [(MemoryError(), ""), (RuntimeError(TORCHS + " bytes."), ", 2 MiB more")])
def test_a_failing_engine_leaves_no_file(photos, monkeypatch, error, more):
    def broken(image, strength):
        raise error

    monkeypatch.setattr(jobs, "choose_engine", lambda *_: Engine("torch", "a test", broken))
    for reason in enhance(photos).failures.values():
        assert reason.startswith(f"enhancing it: memory ran out{more}")
    assert [path for path in (photos.parent / "out").rglob("*") if path.is_file()] == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(photos):
    (photos.parent / "out").mkdir(mode=0o555)
    with pytest.raises(OutputError, match="cannot write"):
        enhance(photos)


def test_a_full_disk_ends_it_with_what_was_done(photos, monkeypatch):
    calls = []

    def full(path, pixels, like):
        calls.append(path)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        return plain_save(path, pixels, like)

    plain_save = jobs.save_photo
    monkeypatch.setattr(jobs, "save_photo", full)
    with pytest.raises(OutputError, match="No space left"):
        enhance(photos)
    monkeypatch.setattr(jobs, "save_photo", plain_save)
    assert len(enhance(photos).up_to_date_files) == 2


def test_bands_are_computed_side_by_side_or_at_once(monkeypatch):
    seen = []

    def watched(image, strength):
        return lambda to, first, last: seen.append((first, last))

    monkeypatch.setattr(engines, "TILE_ROWS", 4)
    pixels = np.zeros((10, 3, 3), np.uint8)
    enhance_pixels(pixels, Engine("c", "", watched, allows_parallel_bands=True), 1.0, 2)
    assert sorted(seen) == [(0, 4), (4, 8), (8, 10)]
    seen.clear()
    enhance_pixels(pixels, Engine("torch", "", watched, needs_whole_image=True), 1.0, 2)
    assert seen == [(0, 10)]


def test_the_plan_asks_for_the_engine_it_is_told_to(photos, monkeypatch):
    arguments = []
    monkeypatch.setattr(
        jobs, "choose_engine", lambda *given: arguments.append(given) or Engine("torch", "", prepare_image)
    )
    plan_task([photos], photos.parent / "out", EnhanceOptions(scale=4, engine="onnx", threads=3))
    assert arguments[0][1:4] == ("onnx", 4, 3)
    assert engines.ENGINE_NAMES == ("c", "onnx", "torch")


def test_before_and_after_never_take_the_place_of_a_photo(photos):
    Image.new("RGB", (7, 5)).save(photos / "1/1.compare.png")
    with pytest.raises(RecipeError, match="would be both a photo and the comparison of"):
        enhance(photos, EnhanceOptions(compare=True))
    assert not (photos.parent / "out").exists()


def test_records_lie_beside_the_results(photos):
    enhance(photos, out="bright.v2")
    run_task(plan_task([photos / "1/1.png"], photos.parent / "one.png", EnhanceOptions()))
    found = {path.parent.relative_to(photos.parent).as_posix() for path in photos.parent.rglob("*.json")}
    assert found == {"bright.v2/.zerokd", ".zerokd"}


def test_a_whole_zoo_is_enhanced_or_named(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "choose_engine", lambda *_: Engine("torch", "a test", copy_image))
    folder = tmp_path / "zoo"
    folder.mkdir()
    zoo.build(folder)
    summary = run_task(plan_task([folder], tmp_path / "out", EnhanceOptions()))
    assert set(zoo.GOOD) <= set(summary.enhanced_files)
    assert {"dot.png", "thread.png"} <= set(summary.enhanced_files)  # too small to train on, not to enhance
    assert {"zero.jpg", "text.jpg", "cut.jpg", "cut.png", "moving.png", "float.tif", "noise.bmp"} <= set(
        summary.failures
    )
    assert summary.failures["pipe.jpg"] == "not a regular file"
    assert summary.failures["broken_link.png"] == "broken link"
    assert not set(zoo.NO_PHOTOS) & (set(summary.enhanced_files) | set(summary.failures))
    assert "leads_out.png" not in summary.enhanced_files
    made = {path.name for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert made == set(summary.enhanced_files)


def copy_image(image, strength):
    def band(to, first, last):
        to[first:last] = image[first:last]

    return band


def test_a_file_that_cannot_be_written_fails_alone(photos):
    name = f"1/{'n' * 245}.png"  # 249 bytes: its comparison has no room
    (photos / name).write_bytes((photos / "1/3.png").read_bytes())
    (photos.parent / "out").mkdir()
    (photos.parent / "out/0").write_text("no folder")
    summary = enhance(photos, EnhanceOptions(compare=True))
    assert sorted(summary.enhanced_files) == ["1/1.png", "1/3.png"]
    assert sorted(summary.failures) == ["0/0.png", "0/2.png", "0/4.png", name]
    assert all("cannot write" in reason for reason in summary.failures.values())
    assert "name too long" in summary.failures[name]


def test_other_kinds_are_counted_and_readable_ones_become_png(photos):
    (photos / "a.gif").write_bytes(b"GIF89a")
    task = plan_task([photos], photos.parent / "out", EnhanceOptions())
    assert task.skipped == {".gif": 1}
    if ".avif" not in jobs.readable_suffixes() or not features.check("avif"):
        pytest.skip("no AVIF here")
    Image.new("RGB", (16, 16), (9, 9, 9)).save(photos / "a.avif")
    assert "a.avif" in enhance(photos).enhanced_files
    assert level(photos.parent / "out/a.avif.png") == 19
