"""What one run has computed of an image, another finds; what is damaged, foreign or has no room is computed."""

import errno
import json
import os

import pytest
import torch

from tests.command import zerokd
from tests.conftest import RECIPES
from tests.objective.test_graph import count_forwards
from tests.training.frozen_cache.test_cache import LOW, NAMES, targets
from zerokd.errors import PluginError
from zerokd.objective.objective import NOTHING_CACHED, CachedTensors
from zerokd.training.frozen_cache import on_disk as module
from zerokd.training.frozen_cache.on_disk import DiskStore

IMAGE = LOW[:1]
STRUCTURE = "terms.distillation.structure.weight=0.05"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path))
    return tmp_path / "targets"


def made(value=0.0):
    maps = torch.full((1, 4, 6, 5), value).to(memory_format=torch.channels_last)
    return CachedTensors(
        {"teacher.enhanced": torch.full((1, 3, 6, 5), value), "half": torch.ones(1, 2, dtype=torch.bfloat16)},
        {"some.term": ((maps, torch.rand(1, 1, 6, 5, dtype=torch.float64)),)},
    )


def flat(kept):
    return [*kept.tensors.values(), *(one for _, (each,) in sorted(kept.prepared.items()) for one in each)]


SIZE = sum(one.nbytes for one in flat(made()))


def test_what_is_found_is_what_was_kept_layout_and_all(cache):
    kept = made(0.25)
    DiskStore(cache, "a", 2**20).put("x", IMAGE, kept)
    other = DiskStore(cache, "a", 2**20)
    found = other.get("x", IMAGE)
    assert list(found.prepared_ports) == ["some.term"]
    assert sorted(found.tensors) == ["half", "teacher.enhanced"]
    for name, one in kept.tensors.items():
        assert torch.equal(found.tensors[name], one)
    for one, again in zip(kept.prepared_ports["some.term"][0], found.prepared_ports["some.term"][0], strict=True):
        assert torch.equal(one, again)
        assert (one.dtype, one.stride()) == (again.dtype, again.stride())
    assert other.earlier_images == {"x"}
    assert other.get("x", IMAGE) is not found  # nobody's change reaches another
    assert DiskStore(cache, "b", 2**20).get("x", IMAGE) is NOTHING_CACHED
    assert DiskStore(cache, "a", 2**20).get("x", IMAGE + 1e-7) is NOTHING_CACHED


def test_another_run_computes_nothing_but_one_image_to_compare(build):
    first = targets(build, STRUCTURE, cache="disk")[1]
    wanted = first.get_or_compute(LOW, NAMES)
    assert first.manifest_record()["kept_on_disk"] == {"maker": first.store.fingerprint, "found": 0, "computed": 4}
    components, second = targets(build, STRUCTURE, "seed=3", cache="disk")
    counts = count_forwards(components)
    for _ in range(2):
        found = second.get_or_compute(LOW, NAMES)
        assert all(torch.equal(found.tensors[name], one) for name, one in wanted.tensors.items())
        for one, other in zip(flat(wanted), flat(found), strict=True):
            assert torch.equal(one, other)
    assert counts["teacher"] == 1
    assert second.manifest_record()["kept_on_disk"] == {"maker": first.store.fingerprint, "found": 4, "computed": 0}
    (share,) = second.allotments
    assert (share.bytes_per_image, share.image_count) == (sum(one[:1].nbytes for one in flat(wanted)), 4)


def test_one_epoch_is_worth_keeping_and_augmented_images_are_not(build):
    assert targets(build, "stages.distill.epochs=1", cache="disk")[1].store is not None
    assert targets(build, 'stages.distill.augment.gamma={use="random_gamma"}', cache="disk")[1].store is None
    assert targets(build, cache="disk", room=0)[1].store is None


def test_what_is_found_and_is_not_what_is_computed_now_ends_the_run(build, cache):
    _, first = targets(build, cache="disk")
    first.get_or_compute(LOW, NAMES)
    components, second = targets(build, cache="disk")
    with torch.no_grad():
        components.models["teacher"].e_conv7.point_conv.bias.add_(0.1)  # after it was identified
    with pytest.raises(PluginError, match="of a is not what it was when it was computed first"):
        second.get_or_compute(LOW[:1], NAMES[:1])


@pytest.mark.parametrize("damage", ["changed", "cut", "empty", "other"])
def test_a_damaged_file_is_not_used_and_written_anew(cache, damage):
    DiskStore(cache, "a", 2**20).put("x", IMAGE, made(0.5))
    (path,) = (cache / "a").iterdir()
    whole = path.read_bytes()
    path.write_bytes({"changed": whole[:-1] + b"\7", "cut": whole[:-9], "empty": b"", "other": b"hello " * 99}[damage])
    one = DiskStore(cache, "a", 2**20)
    assert one.get("x", IMAGE) is NOTHING_CACHED
    one.put("x", IMAGE, made(0.5))
    assert torch.equal(
        DiskStore(cache, "a", 2**20).get("x", IMAGE).tensors["teacher.enhanced"], made(0.5).tensors["teacher.enhanced"]
    )


def test_those_that_were_not_used_for_longest_make_room(cache):
    room = 2**20
    for age, maker in ((300, "old"), (200, "older but used"), (100, "new")):
        DiskStore(cache, maker, room).put("x", IMAGE, made())
        os.utime(cache / maker, (0, 1e9 - age))
    os.utime(cache / "older but used", (0, 1e9 - 400))
    assert DiskStore(cache, "older but used", room).get("x", IMAGE) is not NOTHING_CACHED
    files = sum(path.stat().st_size for path in cache.glob("*/*"))
    one = DiskStore(cache, "own", files + SIZE // 2)
    one.put("x", IMAGE, made())
    assert sorted(path.name for path in cache.iterdir()) == ["new", "older but used", "own"]
    assert one.write_error == ""


def test_without_room_it_is_computed_each_time_and_said(build, cache):
    one = targets(build, cache="disk", room=100 * 2**10)[1]  # two images and a half
    whole = targets(build)[1].get_or_compute(LOW, NAMES)
    for _ in range(2):
        found = one.get_or_compute(LOW, NAMES)
        assert all(torch.equal(found.tensors[name], tensor) for name, tensor in whole.tensors.items())
    assert (one.computed_count, one.reused_count) == (6, 2)
    assert "GiB that it may" in one.manifest_record()["kept_on_disk"]["trouble"]
    assert len([*cache.glob("*/*")]) == 2


def test_a_full_disk_is_no_reason_to_stop(cache, monkeypatch):
    def full(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_weights", full)
    one = DiskStore(cache, "a", 2**20)
    one.put("x", IMAGE, made())
    assert one.get("x", IMAGE) is NOTHING_CACHED
    assert one.write_error == f"{cache / 'a'}: No space left on device"


def test_few_files_are_open_at_once(cache, monkeypatch):
    monkeypatch.setattr(module, "MAX_OPEN_FILES", 2)
    one = DiskStore(cache, "a", 2**20)
    for row, name in enumerate(NAMES):
        one.put(name, LOW[row : row + 1], made(row / 4))
    for _ in range(2):
        for row, name in enumerate(NAMES):
            assert one.get(name, LOW[row : row + 1]).tensors["teacher.enhanced"].unique().item() == row / 4
            assert len(one._open_files) <= 2
    assert one.earlier_images == set()  # its own


def test_runs_with_memory_disk_and_nothing_kept_give_the_same_student(tmp_path):
    settings = ("data.count=6", "data.size=48", 'run=["distill"]', "stages.distill.epochs=2", "threads=1")
    students, told = [], []
    for name, cache in (("memory", "auto"), ("none", "off"), ("first", "disk"), ("second", "disk")):
        given = [part for one in (*settings, f'speed.cache="{cache}"') for part in ("--set", one)]
        done = zerokd("run", RECIPES / "paper.toml", *given, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        students.append((tmp_path / name / "student.safetensors").read_bytes())
        told.append(json.loads((tmp_path / name / "manifest.json").read_text())["stages"][0].get("kept_on_disk"))
    assert students == students[:1] * 4
    assert told[:2] == [None, None]
    assert [one["found"] for one in told[2:]] == [0, 5]
    assert told[3]["computed"] == 0
