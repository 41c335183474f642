"""One cluster of this machine for all tests, and photos."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

ray = pytest.importorskip("ray")


ENGINE = "c" if shutil.which("cc") else "torch"  # the latter takes each worker seconds to import


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    os.environ["ZEROKD_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def cluster(cache):
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=2**27, logging_level="error", log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def photos(tmp_path):
    """Nine photos in two folders; the name of one is no text."""
    noise = np.random.default_rng(0)
    for number, name in enumerate([b"a.png", b"\xe9t\xe9.png", *(b"%d.png" % pixels for pixels in range(7))]):
        path = os.fsdecode(os.path.join(os.fsencode(tmp_path), b"in", b"%d" % (number % 2), name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Image.fromarray(noise.integers(0, 90, (20, 30, 3), np.uint8)).save(path)
    return tmp_path / "in"
