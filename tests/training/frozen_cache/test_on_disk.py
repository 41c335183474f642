"""What one run has computed of an image, another finds; what is damaged, foreign or has no room is computed."""

import errno
import json
import os
import shutil

import pytest
import torch

from tests.command import zerokd
from tests.conftest import RECIPES
from tests.objective.test_graph import count_forwards
from tests.training.frozen_cache.test_cache import LOW, NAMES, create_cache
from zerokd.errors import PluginError
from zerokd.files.atomic import temporary_path
from zerokd.objective.cached_tensors import NOTHING_CACHED, CachedTensors
from zerokd.training.frozen_cache import on_disk as module
from zerokd.training.frozen_cache.on_disk import DiskStore

IMAGE = LOW[:1]
STRUCTURE = "terms.distillation.structure.weight=0.05"


@pytest.fixture(autouse=True)
def cache_root(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path))
    return tmp_path / "targets"


def create_cached(value=0.0):
    maps = torch.full((1, 4, 6, 5), value).to(memory_format=torch.channels_last)
    return CachedTensors(
        {"teacher.enhanced": torch.full((1, 3, 6, 5), value), "half": torch.ones(1, 2, dtype=torch.bfloat16)},
        {"some.term": ((maps, torch.rand(1, 1, 6, 5, dtype=torch.float64)),)},
    )


def flat(cached):
    return [
        *cached.tensors.values(),
        *(tensor for _, (part,) in sorted(cached.prepared_ports.items()) for tensor in part),
    ]


SIZE = sum(tensor.nbytes for tensor in flat(create_cached()))


def test_what_is_found_is_what_was_kept_layout_and_all(cache_root):
    cached = create_cached(0.25)
    DiskStore(cache_root, "a", 2**20).put("x", {"low": IMAGE}, cached)
    other = DiskStore(cache_root, "a", 2**20)
    found = other.get("x", {"low": IMAGE})
    assert list(found.prepared_ports) == ["some.term"]
    assert sorted(found.tensors) == ["half", "teacher.enhanced"]
    for name, tensor in cached.tensors.items():
        assert torch.equal(found.tensors[name], tensor)
    for tensor, again in zip(cached.prepared_ports["some.term"][0], found.prepared_ports["some.term"][0], strict=True):
        assert torch.equal(tensor, again)
        assert (tensor.dtype, tensor.stride()) == (again.dtype, again.stride())
    assert other.earlier_images == {"x"}
    assert other.get("x", {"low": IMAGE}) is not found  # nobody's change reaches another
    assert DiskStore(cache_root, "b", 2**20).get("x", {"low": IMAGE}) is NOTHING_CACHED
    assert DiskStore(cache_root, "a", 2**20).get("x", {"low": IMAGE + 1e-7}) is NOTHING_CACHED


def test_another_run_computes_nothing_but_one_image_to_compare(build):
    first = create_cache(build, STRUCTURE, mode="disk")[1]
    expected = first.get_or_compute({"low": LOW}, NAMES)
    assert first.manifest_record()["kept_on_disk"] == {"maker": first.store.fingerprint, "found": 0, "computed": 4}
    components, second = create_cache(build, STRUCTURE, "seed=3", mode="disk")
    counts = count_forwards(components)
    for _ in range(2):
        found = second.get_or_compute({"low": LOW}, NAMES)
        assert all(torch.equal(found.tensors[name], tensor) for name, tensor in expected.tensors.items())
        assert all(torch.equal(*pair) for pair in zip(flat(expected), flat(found), strict=True))
    assert counts["teacher"] == 1
    assert second.manifest_record()["kept_on_disk"] == {"maker": first.store.fingerprint, "found": 4, "computed": 0}
    (allotment,) = second.allotments
    assert (allotment.bytes_per_image, allotment.image_count) == (
        sum(tensor[:1].nbytes for tensor in flat(expected)),
        4,
    )


def test_one_epoch_is_worth_keeping_and_augmented_images_are_not(build):
    assert create_cache(build, "stages.distill.epochs=1", mode="disk")[1].store is not None
    assert create_cache(build, 'stages.distill.augment.gamma={use="random_gamma"}', mode="disk")[1].store is None
    assert create_cache(build, mode="disk", max_bytes=0)[1].store is None


def test_what_is_found_and_is_not_what_is_computed_now_ends_the_run(build, cache_root):
    _, first = create_cache(build, mode="disk")
    first.get_or_compute({"low": LOW}, NAMES)
    components, second = create_cache(build, mode="disk")
    with torch.no_grad():
        components.models["teacher"].e_conv7.point_conv.bias.add_(0.1)  # after it was identified
    with pytest.raises(PluginError, match="of a differs from its first computation"):
        second.get_or_compute({"low": LOW[:1]}, NAMES[:1])


def rewrite_header(path, change):
    """Edit the JSON header of a safetensors file, and leave its tensors alone."""
    whole = path.read_bytes()
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    description = json.loads(header["__metadata__"]["zerokd"])
    change(header, description)
    header["__metadata__"]["zerokd"] = json.dumps(description)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + size :])


def copy_of(*put):
    """Put the file of another image or fingerprint in the place of a file."""

    def damage(path):
        fingerprint, low = put
        store = DiskStore(path.parents[1], fingerprint, 2**20)
        store.put("y", {"low": low}, create_cached(0.75))
        shutil.copy(store._image_path({"low": low}), path)

    return damage


DAMAGE = {
    "changed": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\7"),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(b"hello " * 99),
    "a folder": lambda path: (path.unlink(), path.mkdir(), (path / "file").touch()),
    "a renamed tensor": lambda path: rewrite_header(path, lambda header, _: header.update(other=header.pop("half"))),
    "another axis order": lambda path: rewrite_header(
        path, lambda _, description: description["orders"]["teacher.enhanced"].reverse()
    ),
    "no axis order": lambda path: rewrite_header(path, lambda _, description: description.pop("orders")),
    "another shape": lambda path: rewrite_header(path, lambda header, _: header["half"]["shape"].reverse()),
    "no digest": lambda path: rewrite_header(path, lambda _, description: description.pop("digest")),
    "nothing described": lambda path: rewrite_header(path, lambda _, description: description.clear()),
    "deep": lambda path: rewrite_header(path, lambda _, description: description.update(orders=deep_list(400))),
    "of another image": copy_of("a", IMAGE + 0.1),
    "of another fingerprint": copy_of("b", IMAGE),
}


def deep_list(depth):
    return [deep_list(depth - 1)] if depth else []


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_not_used_and_written_anew(cache_root, damage):
    DiskStore(cache_root, "a", 2**20).put("x", {"low": IMAGE}, create_cached(0.5))
    (path,) = (cache_root / "a").iterdir()
    damage(path)
    store = DiskStore(cache_root, "a", 2**20)
    assert store.get("x", {"low": IMAGE}) is NOTHING_CACHED
    store.put("x", {"low": IMAGE}, create_cached(0.5))
    assert torch.equal(
        DiskStore(cache_root, "a", 2**20).get("x", {"low": IMAGE}).tensors["teacher.enhanced"],
        create_cached(0.5).tensors["teacher.enhanced"],
    )


def test_a_file_that_is_damaged_during_a_run_is_not_used_either(cache_root):
    store = DiskStore(cache_root, "a", 2**20)
    store.put("x", {"low": IMAGE}, create_cached(0.5))
    (path,) = (cache_root / "a").iterdir()
    assert store.get("x", {"low": IMAGE}) is not NOTHING_CACHED
    store.release()
    path.write_bytes(path.read_bytes()[:-1] + b"\7")
    assert store.get("x", {"low": IMAGE}) is NOTHING_CACHED


def test_what_killed_processes_left_is_removed(cache_root):
    for folder in ("a", "b"):
        (cache_root / folder).mkdir(parents=True)
        path = temporary_path(cache_root / folder / "x.safetensors")
        path.with_name(path.name.replace(f"-{os.getpid()}.", f"-{2**22 + 1}.")).touch()  # no process has that number
        path.with_name(path.name.replace(f"-{os.getpid()}.", f"-{os.getppid()}.")).touch()
    DiskStore(cache_root, "a", 2**20)
    assert [f"-{os.getppid()}." in path.name for path in cache_root.glob("*/*")] == [True, True]


def test_those_that_were_not_used_for_longest_make_room(cache_root):
    max_bytes = 2**20
    for age, fingerprint in ((300, "old"), (200, "older but used"), (100, "new")):
        DiskStore(cache_root, fingerprint, max_bytes).put("x", {"low": IMAGE}, create_cached())
        os.utime(cache_root / fingerprint, (0, 1e9 - age))
    os.utime(cache_root / "older but used", (0, 1e9 - 400))
    assert DiskStore(cache_root, "older but used", max_bytes).get("x", {"low": IMAGE}) is not NOTHING_CACHED
    files = sum(path.stat().st_size for path in cache_root.glob("*/*"))
    store = DiskStore(cache_root, "own", files + SIZE // 2)
    store.put("x", {"low": IMAGE}, create_cached())
    assert sorted(path.name for path in cache_root.iterdir()) == ["new", "older but used", "own"]
    assert store.write_error == ""


def test_without_room_it_is_computed_each_time_and_said(build, cache_root):
    cache = create_cache(build, mode="disk", max_bytes=100 * 2**10)[1]  # two images and a half
    whole = create_cache(build)[1].get_or_compute({"low": LOW}, NAMES)
    for _ in range(2):
        found = cache.get_or_compute({"low": LOW}, NAMES)
        assert all(torch.equal(found.tensors[name], tensor) for name, tensor in whole.tensors.items())
    assert (cache.computed_count, cache.reused_count) == (6, 2)
    assert "has reached its limit of" in cache.manifest_record()["kept_on_disk"]["trouble"]
    assert len([*cache_root.glob("*/*")]) == 2


def test_a_full_disk_is_no_reason_to_stop(cache_root, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_sealed", full)
    store = DiskStore(cache_root, "a", 2**20)
    store.put("x", {"low": IMAGE}, create_cached())
    assert store.get("x", {"low": IMAGE}) is NOTHING_CACHED
    assert store.write_error == f"{cache_root / 'a'}: No space left on device"


def test_few_files_are_open_at_once(cache_root, monkeypatch):
    monkeypatch.setattr(module, "MAX_OPEN_FILES", 2)
    store = DiskStore(cache_root, "a", 2**20)
    for row, name in enumerate(NAMES):
        store.put(name, {"low": LOW[row : row + 1]}, create_cached(row / 4))
    for _ in range(2):
        for row, name in enumerate(NAMES):
            assert store.get(name, {"low": LOW[row : row + 1]}).tensors["teacher.enhanced"].unique().item() == row / 4
            assert len(store._open_files) <= 2
    assert store.earlier_images == set()  # its own


def test_runs_with_memory_disk_and_nothing_kept_give_the_same_student(tmp_path):
    settings = ("data.count=6", "data.size=48", 'run=["distill"]', "stages.distill.epochs=2", "threads=1")
    students, records = [], []
    for name, cache in (("memory", "auto"), ("none", "off"), ("first", "disk"), ("second", "disk")):
        arguments = [part for setting in (*settings, f'speed.cache="{cache}"') for part in ("--set", setting)]
        done = zerokd("run", RECIPES / "paper.toml", *arguments, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        students.append((tmp_path / name / "student.safetensors").read_bytes())
        records.append(json.loads((tmp_path / name / "manifest.json").read_text())["stages"][0].get("kept_on_disk"))
    assert students == students[:1] * 4
    assert records[:2] == [None, None]
    assert [record["found"] for record in records[2:]] == [0, 5]
    assert records[3]["computed"] == 0
