"""The processor of this machine."""

import platform
from pathlib import Path

from zerokd.files.machine import processor_flags, processor_name


def test_the_processor_is_named_whatever_the_system_tells(monkeypatch):
    assert processor_name()
    text = "flags\t: sse avx2\nmodel name\t: A 1 @ 2: GHz\nmodel name: B\nflags: other\n"
    monkeypatch.setattr(Path, "read_text", lambda *args, **options: text)
    assert processor_name() == "A 1 @ 2: GHz"
    assert processor_flags() == "sse avx2"
    monkeypatch.setattr(Path, "read_text", lambda *args, **options: "Features : neon\n")
    assert processor_flags() == "neon"
    monkeypatch.setattr(Path, "read_text", lambda *args, **options: "")
    assert processor_name() == (platform.processor() or platform.machine())
    assert processor_flags() == platform.processor()


def test_a_system_without_cpuinfo_names_its_processor_too(monkeypatch):
    def fail(*args, **options):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", fail)
    assert processor_name() == (platform.processor() or platform.machine())
    assert processor_flags() == platform.processor()
