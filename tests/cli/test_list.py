"""``zerokd list`` shows everything, for people and for programs."""

import json
import os
import subprocess
import sys

from click.testing import CliRunner

from zerokd.cli import zerokd
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.kinds import KINDS


def test_every_component_has_its_line():
    shown = CliRunner().invoke(zerokd, ["list"]).output
    for entry in discover_plugins().entries:
        assert f"  {entry.spec.name} " in shown
        assert entry.spec.summary in " ".join(shown.split())


def test_one_kind_alone():
    shown = CliRunner().invoke(zerokd, ["list", "stages"]).output
    assert shown.startswith("stages (4)\n")
    assert "mse" not in shown


def test_json_for_programs():
    shown = json.loads(CliRunner().invoke(zerokd, ["list", "--json"]).output)
    assert set(shown) == {*KINDS, "broken"}
    mse = next(entry for entry in shown["losses"] if entry["name"] == "mse")
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


def zerokd_into(command):
    """Exit code of zerokd and its stderr, its output read by a shell command."""
    text = f'set -o pipefail; "{sys.executable}" -m zerokd {command}'
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True)
    return done.returncode, done.stderr


def test_a_reader_that_leaves_early_is_no_failure():
    assert zerokd_into("list | true") == (0, "")
    assert zerokd_into("list --json | head -1") == (0, "")


def test_an_error_that_nobody_reads_keeps_its_exit_code():
    assert zerokd_into("run no_such_recipe.toml 2>&1 >/dev/null | true") == (2, "")


def test_bytes_that_are_no_text_are_printed_escaped(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "zerokd", "list", "losses", "--plugin", os.fsencode(tmp_path) + b"/\xff.py"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )
    assert done.returncode == 0, done.stderr
    assert rb"broken: \udcff: FileNotFoundError" in done.stdout


def test_recipes_have_goal_data_time_and_result():
    shown = CliRunner().invoke(zerokd, ["list", "recipes"]).output
    assert "\npaper\n  The documented system" in shown
    for fact in ("goal ", "data ", "time ", "expected "):
        assert shown.count(f"\n  {fact}") == 18
    records = json.loads(CliRunner().invoke(zerokd, ["list", "recipes", "--json"]).output)["recipes"]
    assert [record["name"] for record in records if "/" not in record["name"]] == [
        *("adversarial", "best", "fidelity", "noise2noise", "paper", "supervised", "teacher", "two_frames", "two_views")
    ]
    assert len([record for record in records if record["name"].startswith("published/")]) == 9
    assert records[4]["time"] == "two and a half minutes on two cores"


def test_students_have_size_origin_results_and_licence():
    shown = CliRunner().invoke(zerokd, ["list", "students"]).output
    assert shown.startswith("best, the default\n")
    assert max(map(len, shown.splitlines())) <= 80
    records = json.loads(CliRunner().invoke(zerokd, ["list", "students", "--json"]).output)["students"]
    assert [(record["name"], record["parameters"]) for record in records] == [
        ("best", 118),
        ("fidelity", 161),
        ("teacher", 10561),
    ]
    assert all(record["licence"] == "Apache-2.0" and record["bytes"] > 2000 for record in records)
    assert [record["recipe"] for record in records] == ["best", "fidelity", "teacher"]
