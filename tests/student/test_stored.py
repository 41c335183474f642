"""A student's file that zerokd makes: one place for each content, and never another content there."""

from zerokd.student.stored import store_student


def test_the_content_decides_the_place(monkeypatch, tmp_path):
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path))
    first, again, other = (store_student(content) for content in (b"a", b"a", b"b"))
    assert first == again != other
    assert (first.read_bytes(), other.read_bytes()) == (b"a", b"b")
    assert sorted(tmp_path.rglob("*.safetensors")) == sorted([first, other])


def test_a_damaged_file_is_replaced_and_a_whole_one_stays(monkeypatch, tmp_path):
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path))
    path = store_student(b"a")
    before = path.stat().st_mtime_ns
    assert store_student(b"a").stat().st_mtime_ns == before
    path.write_bytes(b"")
    assert store_student(b"a").read_bytes() == b"a"


def test_without_a_cache_the_file_lasts_as_long_as_the_process(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path / "file"))
    path = store_student(b"a")
    assert path.read_bytes() == b"a"
    assert tmp_path not in path.parents
