"""Photos and recipes of benchmarks, small enough for seconds."""

import numpy as np
import pytest
from PIL import Image

from zerokd.student.evaluate import cost


@pytest.fixture
def photo_folders(tmp_path, monkeypatch):
    """The folders of three dark photos and of what they should be."""
    monkeypatch.setattr(cost, "TIMING_SIZE", (16, 16))
    random = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        bright = random.integers(40, 250, (24, 31, 3)).astype(np.uint8)
        for folder, pixels in (("low", bright // 4), ("high", bright)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / folder / f"{name}.png")
    return tmp_path / "low", tmp_path / "high"
