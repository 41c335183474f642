"""What a folder of photos holds, in which order, what is left out and why."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from zerokd.data.folder import Folder
from zerokd.errors import DataError


def photo(path: Path, level: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((20, 24, 3), level, np.uint8)).save(path)
    return path


def names(data: Folder) -> list[str]:
    return [data.name(i) for i in range(len(data))]


def test_photos_are_found_in_all_folders_in_the_order_of_their_paths(tmp_path):
    for name in ("b/2.png", "a.png", "b/1.PNG", "ü ber/ñ.bmp", "b/c/3.jpeg", "4.webp", "5.tiff", "x.jpg/6.tif"):
        photo(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no photo")
    data = Folder(path=str(tmp_path), size=16)
    assert names(data) == sorted(
        ["4.webp", "5.tiff", "a.png", "b/1.PNG", "b/2.png", "b/c/3.jpeg", "x.jpg/6.tif", "ü ber/ñ.bmp"]
    )
    assert data.rejected == ()


def test_images_are_uint8_planes_of_the_asked_size(tmp_path):
    photo(tmp_path / "dark.png", 30)
    photo(tmp_path / "light.png", 220)
    data = Folder(path=str(tmp_path), size=32)
    assert data[0].dtype == torch.uint8
    assert torch.equal(data[0], torch.full((3, 32, 32), 30, dtype=torch.uint8))
    assert torch.equal(data[1], torch.full((3, 32, 32), 220, dtype=torch.uint8))
    assert data.reference(0) is None


def test_unusable_files_are_left_out_by_name_and_reason(tmp_path):
    photo(tmp_path / "good.png")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("not a photo")
    os.symlink(tmp_path / "gone.png", tmp_path / "link.png")
    cut = photo(tmp_path / "cut.bmp")
    cut.write_bytes(cut.read_bytes()[:200])
    data = Folder(path=str(tmp_path), size=16)
    assert names(data) == ["good.png"]
    reasons = dict(data.rejected)
    assert list(reasons) == ["cut.bmp", "link.png", "sub/empty.jpg", "text.jpg"]
    assert reasons["sub/empty.jpg"] == "empty file"
    assert reasons["link.png"] == "broken link"
    assert "not an image" in reasons["text.jpg"]
    assert "truncated" in reasons["cut.bmp"]


def test_links_to_photos_are_photos_and_linked_folders_are_not_followed(tmp_path):
    photo(tmp_path / "outside" / "a.png")
    photo(tmp_path / "inside" / "b.png")
    os.symlink(tmp_path / "inside" / "b.png", tmp_path / "inside" / "c.png")
    os.symlink(tmp_path / "outside" / "a.png", tmp_path / "inside" / "d.png")
    os.symlink(tmp_path / "outside", tmp_path / "inside" / "e")
    os.symlink(tmp_path / "inside", tmp_path / "inside" / "f")  # a circle
    (tmp_path / "note").write_text("no photo")
    os.symlink(tmp_path / "note", tmp_path / "inside" / "g.png")
    data = Folder(path=str(tmp_path / "inside"), size=16)
    assert names(data) == ["b.png", "c.png", "d.png"]
    reasons = dict(data.rejected)
    assert "not an image" in reasons["g.png"]
    assert reasons["e"] == reasons["f"] == "linked folder, not followed"


def test_with_and_without_memory_the_bytes_are_the_same(tmp_path):
    for level in (10, 90, 200):
        photo(tmp_path / f"{level}.png", level)
    kept, reread = Folder(path=str(tmp_path), size=16), Folder(path=str(tmp_path), size=16, cache_gib=0.0)
    assert names(kept) == names(reread)
    assert all(torch.equal(kept[i], reread[i]) for i in range(3))


def test_memory_is_bounded_by_the_cache(tmp_path):
    files = [photo(tmp_path / f"{i}.png") for i in range(4)]
    data = Folder(path=str(tmp_path), size=16, cache_gib=2.5 * 3 * 16 * 16 / 2**30)
    for file in files:
        file.unlink()
    assert data[1].shape == (3, 16, 16)  # two of four images fit
    with pytest.raises(DataError, match=r"2\.png"):
        data[2]


def test_a_file_that_is_damaged_later_stops_the_run_by_name(tmp_path):
    file = photo(tmp_path / "a.png")
    data = Folder(path=str(tmp_path), size=16, cache_gib=0.0)
    file.write_bytes(b"")
    with pytest.raises(DataError, match=r"'a\.png'.*empty file") as caught:
        data[0]
    assert caught.value.exit_code == 3


def test_fit_is_passed_on(tmp_path):
    pixels = np.zeros((16, 48, 3), np.uint8)
    pixels[:, 16:32] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert Folder(path=str(tmp_path), size=16)[0].float().mean() == 255
    assert Folder(path=str(tmp_path), size=16, fit="resize")[0].float().mean() < 100


def test_a_missing_folder_is_an_error_with_a_remedy(tmp_path):
    with pytest.raises(DataError, match=r"does not exist(?s:.*)working directory") as caught:
        Folder(path=str(tmp_path / "none"))
    assert caught.value.exit_code == 3


def test_a_file_is_not_a_folder(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        Folder(path=str(photo(tmp_path / "a.png")))


def test_a_folder_without_a_usable_photo_is_an_error_that_says_what_was_found(tmp_path):
    (tmp_path / "readme.txt").write_text("no photo")
    with pytest.raises(DataError, match=r"no usable photo(?s:.*)\.jpeg"):
        Folder(path=str(tmp_path))
    for i in range(5):
        (tmp_path / f"{i}.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"'0\.jpg': empty file(?s:.*)2 more"):
        Folder(path=str(tmp_path))


@pytest.mark.skipif(not hasattr(os, "fsencode") or os.name == "nt", reason="file names are bytes on POSIX only")
def test_a_name_that_is_not_unicode_can_be_printed(tmp_path):
    good = photo(tmp_path / "a.png")
    try:
        os.rename(os.fsencode(good), os.fsencode(tmp_path) + b"/\xff.png")
    except OSError:
        pytest.skip("the file system takes Unicode names only")
    name = Folder(path=str(tmp_path), size=16).name(0)
    assert name.encode("utf-8") == rb"\udcff.png"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs an ordinary POSIX user")
def test_a_closed_folder_is_named(tmp_path):
    photo(tmp_path / "a.png")
    photo(tmp_path / "closed" / "b.png")
    (tmp_path / "closed").chmod(0)
    try:
        data = Folder(path=str(tmp_path), size=16)
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert data.rejected == (("closed", "cannot be listed: Permission denied"),)


@pytest.mark.parametrize(
    "options", [{"path": ""}, {"path": "x", "fit": "stretch"}, {"path": "x", "cache_gib": -1.0}, {}]
)
def test_values_outside_their_bounds_are_refused(options):
    with pytest.raises(ValidationError):
        Folder(**options)


@pytest.mark.parametrize("path", ["x" * 300, "~no_such_user_at_all/photos"])
def test_a_path_that_cannot_be_used_is_a_data_error(path):
    with pytest.raises(DataError, match="training folder"):
        Folder(path=path)


def test_the_home_folder_may_be_abbreviated(tmp_path, monkeypatch):
    photo(tmp_path / "photos" / "a.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert names(Folder(path="~/photos", size=16)) == ["a.png"]


def test_references_are_found_by_name_and_what_has_no_partner_is_listed(tmp_path):
    for name, level in (("1.png", 20), ("2.png", 30), ("sub/3.png", 40), ("lonely.png", 50)):
        photo(tmp_path / "low" / name, level)
    for name, level in (("1.png", 120), ("2.bmp", 130), ("sub/3.png", 140), ("extra.png", 150)):
        photo(tmp_path / "high" / name, level)
    data = Folder(path=str(tmp_path / "low"), references="../high", size=16)
    assert data.signals == ("low", "reference")
    assert names(data) == ["1.png", "2.png", "sub/3.png"]
    pairs = [(int(data[i].max()), int(data.tensor(i, "reference").max())) for i in range(len(data))]
    assert pairs == [(20, 120), (30, 130), (40, 140)]
    assert torch.equal(data.reference(1), data.tensor(1, "reference"))
    assert dict(data.rejected) == {
        "lonely.png": "no usable photo of that name in '../high'",
        "../high/extra.png": "a reference without a photo",
    }


def test_a_reference_of_another_shape_is_refused_with_both_sizes(tmp_path):
    photo(tmp_path / "low" / "1.png")
    photo(tmp_path / "low" / "2.png")
    photo(tmp_path / "high" / "1.png")
    Image.new("RGB", (40, 20)).save(tmp_path / "high" / "2.png")
    data = Folder(path=str(tmp_path / "low"), references=str(tmp_path / "high"), size=16)
    assert names(data) == ["1.png"]
    assert dict(data.rejected)["2.png"] == "it is 24x20 pixels and its reference 40x20"


def test_references_in_a_folder_that_does_not_exist(tmp_path):
    photo(tmp_path / "low" / "1.png")
    with pytest.raises(DataError, match="does not exist"):
        Folder(path=str(tmp_path / "low"), references="../high", size=16)


def test_frames_are_consecutive_files_of_one_folder(tmp_path):
    for name, level in (("a/1.png", 10), ("a/2.png", 20), ("a/10.png", 30), ("b/1.png", 40)):
        photo(tmp_path / name, level)
    data = Folder(path=str(tmp_path), frames=2, size=16)
    assert data.signals == data.low_signals == ("low", "low_2")
    assert names(data) == ["a/1.png", "a/2.png"]
    assert [(int(data[i].max()), int(data.tensor(i, "low_2").max())) for i in (0, 1)] == [(10, 20), (20, 30)]
    with pytest.raises(DataError, match="no 5 usable photos in one folder"):
        Folder(path=str(tmp_path), frames=5, size=16)
