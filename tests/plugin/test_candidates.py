"""Names and choices of candidates; test_discovery.py and tests/cli/test_plugins.py cover what discovery returns."""

import importlib.metadata

import pytest

from zerokd.plugin import candidates


@pytest.mark.parametrize("name", ["My_Plugin", "my-plugin", "MY.PLUGIN", " my--plugin "])
def test_names_are_compared_as_packaging_does(name):
    assert candidates.canonicalize_name(name) == "my-plugin"


@pytest.mark.parametrize(
    ("value", "enabled"),
    [(None, True), ("", False), ("other", False), ("other,My_Plugin", True), (" my-plugin ,", True)],
)
def test_a_distribution_is_chosen(monkeypatch, value, enabled):
    monkeypatch.delenv(candidates.PLUGINS_VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(candidates.PLUGINS_VARIABLE, value)
    assert candidates.is_enabled("my-plugin") == enabled


def test_one_distribution_that_cannot_be_read_hides_no_other(monkeypatch):
    point = importlib.metadata.EntryPoint("fine", "fine_module", "zerokd")

    class Damaged:
        @property
        def entry_points(self):
            raise UnicodeDecodeError("utf-8", b"", 0, 1, "no text")

    class Fine:
        entry_points = importlib.metadata.EntryPoints([point])

    def broken(group):
        raise ValueError("one of them is damaged")

    monkeypatch.setattr(candidates, "entry_points", broken)
    monkeypatch.setattr(candidates, "distributions", lambda: [Damaged(), Fine()])
    unreadable = []
    assert list(candidates._iterate_entry_points(unreadable)) == [point]
    assert len(unreadable) == 1
