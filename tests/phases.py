"""The phases that code enters, for tests."""

from contextlib import contextmanager


def record_phases(monkeypatch, module):
    """A list that receives the text of each phase at the end of it."""
    texts = []

    @contextmanager
    def phase(name):
        yield
        texts.append(name if isinstance(name, str) else name())

    monkeypatch.setattr(module, "phase", phase)
    return texts
