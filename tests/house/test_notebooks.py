"""Notebooks of the documentation run from the first cell to the last."""

import os

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_it_shows(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(path, as_version=4)
    before = [_output_kinds(cell) for cell in notebook.cells]
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [_output_kinds(cell) for cell in notebook.cells] == before
    assert any("image/png" in kinds for kinds in before)


def _output_kinds(cell):
    return {kind for output in cell.get("outputs", ()) for kind in output.get("data", [output.output_type])}
