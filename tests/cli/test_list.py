"""``zerokd list`` shows everything, for people and for programs."""

import json

from click.testing import CliRunner

from zerokd.cli import zerokd
from zerokd.plugin.host import discover
from zerokd.plugin.specs import KINDS


def test_every_component_has_its_line():
    shown = CliRunner().invoke(zerokd, ["list"]).output
    for entry in discover().entries:
        assert f"  {entry.spec.name} " in shown
        assert entry.spec.summary in shown


def test_one_kind_alone():
    shown = CliRunner().invoke(zerokd, ["list", "stages"]).output
    assert shown.startswith("stages (2)\n")
    assert "mse" not in shown


def test_json_for_programs():
    shown = json.loads(CliRunner().invoke(zerokd, ["list", "--json"]).output)
    assert set(shown) == {*KINDS, "broken"}
    mse = next(one for one in shown["losses"] if one["name"] == "mse")
    assert mse["provider"] == "zerokd"
    assert mse["target"] == "zerokd.losses.mse:Mse"


def test_an_unknown_kind_is_a_usage_error():
    done = CliRunner().invoke(zerokd, ["list", "lossses"])
    assert done.exit_code == 2
    assert "lossses" in done.output


def test_a_broken_plugin_is_listed_as_broken(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text("import nothing_of_that_name")
    done = CliRunner().invoke(zerokd, ["list", "--plugin", str(path)])
    assert done.exit_code == 0
    assert "broken: bad: ModuleNotFoundError" in done.output
