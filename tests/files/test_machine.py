"""What computes."""

import platform
from pathlib import Path

from zerokd.files.machine import processor


def test_the_processor_is_named_whatever_the_system_tells(monkeypatch):
    assert processor()
    monkeypatch.setattr(
        Path, "read_text", lambda *given, **more: "flags: none\nmodel name\t: A 1 @ 2: GHz\nmodel name: B\n"
    )
    assert processor() == "A 1 @ 2: GHz"
    monkeypatch.setattr(Path, "read_text", lambda *given, **more: "")
    assert processor() == (platform.processor() or platform.machine())
