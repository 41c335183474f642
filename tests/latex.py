"""LaTeX in tests: fragments are compiled by the real program, where it is installed."""

import shutil
import subprocess

import pytest

COMPILER = shutil.which("pdflatex")
needs_latex = pytest.mark.skipif(COMPILER is None, reason="pdflatex is not installed")
DOCUMENT = "\\documentclass{article}\n%s\n\\begin{document}\n%s\n\\end{document}\n"


def compile_latex(body, folder, preamble=""):
    """The log of a document with this body; it must compile."""
    (folder / "document.tex").write_text(DOCUMENT % (preamble, body), encoding="utf-8")
    command = [COMPILER, "-halt-on-error", "-interaction=nonstopmode", "document.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60)
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log
    assert (folder / "document.pdf").read_bytes().startswith(b"%PDF-")
    return log
