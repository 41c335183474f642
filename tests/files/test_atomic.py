"""A text file is whole, or as it was."""

import pytest

from zerokd.errors import OutputError
from zerokd.files.atomic import write_text


def test_it_is_replaced(tmp_path):
    write_text(tmp_path / "a.txt", "one")
    write_text(tmp_path / "a.txt", "two")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "two")]


def test_where_nothing_can_be_written(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        write_text(tmp_path / "nowhere" / "a.txt", "one")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        write_text(tmp_path / "folder", "one")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
