"""Photos of benchmarks, small enough for seconds."""

import pytest

from tests.pairs import write_pairs
from zerokd.student.evaluate import cost


@pytest.fixture
def photo_folders(tmp_path, monkeypatch):
    """The folders of three dark photos and of what they should be."""
    monkeypatch.setattr(cost, "TIMING_SIZE", (16, 16))
    return write_pairs(tmp_path, ("a", "b", "c"))
