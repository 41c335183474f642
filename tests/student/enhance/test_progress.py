"""In a pipe: only what there is to say, and no control characters."""

import io

from rich.console import Console

from zerokd.student.enhance import progress
from zerokd.student.enhance.inputs import FileReport, FileStatus


def shown(monkeypatch, terminal=False, quiet=False):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=80)
    monkeypatch.setattr(progress, "PipeSafeConsole", lambda stderr: console)
    with progress.EnhanceProgress(2, quiet=quiet) as bar:
        bar.print_line("2 files [bold]x[/bold]")
        bar.report_progress("clip.mp4", 0.35)
        bar.report(FileReport("a.png", FileStatus.DONE))
        bar.report(FileReport("b\x1b[31m.png", FileStatus.FAILED, "empty file"))
    return file.getvalue()


def test_a_pipe_gets_lines(monkeypatch):
    assert shown(monkeypatch) == "2 files [bold]x[/bold]\nb\\x1b[31m.png: FAILED: empty file\n"


def test_a_terminal_gets_a_bar_too(monkeypatch):
    text = shown(monkeypatch, terminal=True)
    assert "FAILED: empty file" in text
    assert "b\\x1b" in text
    assert "2/2" in text or "1/2" in text


def test_quiet_leaves_failures(monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr(progress, "PipeSafeConsole", lambda stderr: Console(file=file, width=80))
    with progress.EnhanceProgress(3, quiet=True) as bar:
        bar.print_note("3 files")
        bar.report(FileReport("a.png", FileStatus.DONE, "its comment is lost"))
        bar.report(FileReport("b.png", FileStatus.FAILED, "empty file"))
        assert bar.describe() == "file 3 of 3"
    assert file.getvalue() == "b.png: FAILED: empty file\n"


def test_a_phase_is_silent_where_a_bar_shows_the_same(monkeypatch):
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr(progress, "PipeSafeConsole", lambda stderr: console)
    with progress.EnhanceProgress(2) as bar:
        assert bar.describe() == ""
