"""Cached engine files: intact ones are loaded, all others are built again, and nothing damaged reaches native code."""

import hashlib
import os
import subprocess
import sys
import tempfile
from importlib.resources import files

import pytest

from zerokd.errors import ExportError
from zerokd.exporters import auto_exposure_code, c_auto_exposure, c_library
from zerokd.files.machine import processor_flags
from zerokd.student.enhance import engine_cache
from zerokd.student.enhance.engine_cache import load_or_build
from zerokd.student.enhance.engines import choose_engine
from zerokd.student.location import resolve_student_file

CONTENT = b"content of an engine's file" * 99
DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "garbage": lambda path: path.write_bytes(bytes(range(256)) * 40),
    "a changed bit": lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1])),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "a folder": lambda path: (path.unlink(), path.mkdir(), (path / "file").write_text("x")),
    "a dangling link": lambda path: (path.unlink(), path.symlink_to("nowhere")),
    "a FIFO": lambda path: (path.unlink(), os.mkfifo(path)),
}
needs_compiler = pytest.mark.skipif(c_library.find_compiler() is None, reason="no C compiler")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/engines"


@pytest.fixture
def weights(tmp_path):
    (tmp_path / "weights").write_bytes(b"weights")
    return tmp_path / "weights"


class Builder:
    """Counts how often it builds."""

    def __init__(self, content=CONTENT):
        self.content, self.count = content, 0

    def __call__(self, path):
        self.count += 1
        path.write_bytes(self.content)


def load(weights, build, key=""):
    return load_or_build(weights, key, ".so", build, lambda path: path.read_bytes())


def test_a_file_is_built_once_for_each_key(cache, weights):
    build = Builder()
    assert [load(weights, build, key) for key in ("a", "a", "b", "a")] == [CONTENT] * 4
    assert build.count == 2
    weights.write_bytes(b"others")
    load(weights, build, "a")
    assert build.count == 3
    assert len(list(cache.iterdir())) == 3


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_replaced(cache, weights, damage):
    build = Builder()
    load(weights, build)
    (path,) = cache.iterdir()
    damage(path)
    assert load(weights, build) == CONTENT
    assert build.count == 2
    assert load(weights, build) == CONTENT
    assert build.count == 2
    assert [path] == list(cache.iterdir())
    assert path.read_bytes() == CONTENT


def test_without_a_cache_it_is_built_each_time_and_leaves_nothing(tmp_path, cache, weights, monkeypatch):
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before, build = sorted(os.listdir(tmp_path)), Builder()
    assert [load(weights, build) for _ in range(2)] == [CONTENT] * 2
    assert build.count == 2
    assert sorted(os.listdir(tmp_path)) == before


def test_the_file_that_a_killed_process_left_is_removed(cache, weights):
    code = (
        "import os, pathlib, signal\nfrom zerokd.files import atomic\n"
        "from zerokd.student.enhance.engine_cache import load_or_build\n"
        "atomic.replace_files = lambda files: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"weights = pathlib.Path({str(weights)!r})\n"
        "load_or_build(weights, '', '.so', lambda path: path.write_bytes(b'x'), print)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert [path.name.startswith(".zerokd-") for path in cache.iterdir()] == [True]
    load(weights, Builder())
    assert [path.name.startswith(".zerokd-") for path in cache.iterdir()] == [False]


@needs_compiler
def test_a_library_that_was_cut_ends_no_process(cache, weights):
    """In a process of its own: a library that was cut ends a process with SIGBUS."""
    code = (
        "import pathlib, sys\nfrom zerokd.exporters.c_library import compile_header, load_library\n"
        "from zerokd.student.enhance.engine_cache import load_or_build\n"
        "def build(path):\n"
        "    print('built')\n"
        "    compile_header('static const int table[9999] = {1};\\nint student_u8_rows(int n) { return table[n]; }',"
        " 'student', path)\n"
        "load_or_build(pathlib.Path(sys.argv[1]), '', '.so', build, lambda path: load_library(path, 'student'))\n"
        "print('loaded')\n"
    )
    command, outputs = [sys.executable, "-c", code, str(weights)], []
    for size in (None, 0, 64, 4096, 9000, None):
        for path in cache.iterdir() if size is not None else ():
            os.truncate(path, size)
        outputs.append(subprocess.run(command, capture_output=True, text=True).stdout.split())
    assert outputs == [["built", "loaded"]] * 5 + [["loaded"]]


def plant(cache, weights, extra_key, suffix):
    """An intact file that no engine can load."""
    key = engine_cache._compute_key(weights, extra_key)
    cache.mkdir(parents=True, exist_ok=True)
    (cache / f"{key}-{hashlib.sha256(CONTENT).hexdigest()}{suffix}").write_bytes(CONTENT)


@needs_compiler
def test_a_file_that_cannot_be_loaded_gives_the_next_engine_and_a_word(cache):
    """As on a noexec mount: the bytes are right, and loading fails."""
    student = resolve_student_file("bundled")
    plant(cache, student, f"{c_library.find_compiler()[0]}{processor_flags()}", ".so")
    plant(cache, student, "", ".onnx")
    engine = choose_engine(student)
    assert engine.name == "torch"
    assert "noexec" in engine.fallback_reasons[0]
    assert "onnx" in engine.fallback_reasons[1].lower()
    for name in ("c", "onnx"):
        with pytest.raises(ExportError):
            choose_engine(student, name)


@needs_compiler
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a file system")
def test_a_cache_on_a_noexec_mount(tmp_path):
    (tmp_path / "cache").mkdir()
    code = (
        "from zerokd.student.enhance import engines\nfrom zerokd.student.location import resolve_student_file\n"
        "engines._export_in_subprocess = lambda weights, name, output, plugins: output.write_text('int student;')\n"
        "try:\n    engines.choose_engine(resolve_student_file('bundled'), 'c')\n"
        "except engines.ExportError as error:\n    print(error)\n"
    )
    mount = f"mount -t tmpfs -o noexec tmpfs {tmp_path / 'cache'}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("this user may not mount")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh", sys.executable, "-c", code],
        env={**os.environ, "ZEROKD_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("the C engine failed: the system cannot load")


def test_the_constants_of_the_model_are_part_of_the_key():
    modules = {
        value for value in vars(auto_exposure_code).values() if getattr(value, "__package__", "") == "zerokd.models"
    }
    assert len(modules) >= 6
    for module in modules:
        assert os.path.basename(module.__file__) in engine_cache.SOURCE_FILES["zerokd.models"]
    used = {
        value.__module__.rpartition(".")[2]
        for value in vars(c_auto_exposure).values()
        if getattr(value, "__module__", "").startswith("zerokd.exporters.")
    }
    assert {f"{name}.py" for name in used} <= {*engine_cache.SOURCE_FILES["zerokd.exporters"]}
    for room, names in engine_cache.SOURCE_FILES.items():
        assert all(files(room).joinpath(name).is_file() for name in names)
