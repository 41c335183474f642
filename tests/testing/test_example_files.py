"""The files that a check needs: written, trusted where they are programs, and removed."""

import os

import pytest

from zerokd.data.folder import Folder
from zerokd.files.digest import file_sha256
from zerokd.models.nano_dce import NanoDce
from zerokd.models.torchscript_model import TorchScriptModel
from zerokd.testing.example_files import PHOTO_COUNT, write_example_files


def test_a_program_is_written_trusted_and_removed(monkeypatch):
    monkeypatch.setenv("ZEROKD_TRUSTED_FILES", "as before")
    with write_example_files(TorchScriptModel) as options:
        assert os.environ["ZEROKD_TRUSTED_FILES"] == file_sha256(options["file"])
        assert TorchScriptModel(**options).outputs().keys() == {"enhanced"}
    assert os.environ["ZEROKD_TRUSTED_FILES"] == "as before"
    assert not os.path.exists(options["file"])


def test_a_required_path_gets_photos():
    with write_example_files(Folder) as options:
        assert len(Folder(size=16, **options)) == PHOTO_COUNT


@pytest.mark.parametrize("component", [NanoDce])
def test_what_needs_no_files_gets_none(component, monkeypatch):
    monkeypatch.setenv("ZEROKD_TRUSTED_FILES", "as before")
    with write_example_files(component) as options:
        assert options == {}
        assert os.environ["ZEROKD_TRUSTED_FILES"] == "as before"
