"""``zerokd schema`` from a shell."""

import json

from tests.command import zerokd


def schema(*options):
    return zerokd("schema", *options)


def test_on_the_screen_and_in_a_file(tmp_path):
    done = schema("--out", tmp_path / "s.json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(schema().stdout) == json.loads((tmp_path / "s.json").read_text())


def test_a_file_that_cannot_be_written(tmp_path):
    done = schema("--out", tmp_path / "nowhere" / "s.json")
    assert done.returncode == 5
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
