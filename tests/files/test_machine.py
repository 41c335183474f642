"""What computes."""

import platform
from pathlib import Path

from zerokd.files.machine import processor_name


def test_the_processor_is_named_whatever_the_system_tells(monkeypatch):
    assert processor_name()
    monkeypatch.setattr(
        Path, "read_text", lambda *given, **more: "flags: none\nmodel name\t: A 1 @ 2: GHz\nmodel name: B\n"
    )
    assert processor_name() == "A 1 @ 2: GHz"
    monkeypatch.setattr(Path, "read_text", lambda *given, **more: "")
    assert processor_name() == (platform.processor() or platform.machine())
