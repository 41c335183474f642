"""The cache folder of downloaded weights."""

import sys
from pathlib import Path

import pytest

from zerokd.files.cache import cache_folder


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other cache folders")
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"ZEROKD_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, Path("/a")),
        ({"XDG_CACHE_HOME": "/b"}, Path("/b/zerokd")),
        ({}, Path("/home/ada/.cache/zerokd")),
    ],
)
def test_cache_folder(monkeypatch, environment, expected):
    for name in ("ZEROKD_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == expected
