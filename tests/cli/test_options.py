"""Options that commands share mean the same everywhere."""

import inspect
import os
import time

import click
import pytest
from click.testing import CliRunner

from zerokd import phases
from zerokd.cli import zerokd
from zerokd.cli.options import is_quiet, plugin_option, recipe_options, reports_phases
from zerokd.recipe.build.overrides import apply_options_and_validate


@click.command()
@recipe_options
@plugin_option
def command(plugins, **changes):
    click.echo(f"{sorted(changes.items())} {[path.name for path in plugins]}")


def test_they_are_the_keywords_of_what_changes_a_recipe():
    names = {param.name for param in command.params} - {"plugins", "no_plugins", "yes"}
    assert names == set(inspect.signature(apply_options_and_validate).parameters) - {"document"}


def test_they_are_read_as_given():
    arguments = [
        "--set",
        "a=1",
        "--set",
        "b=2",
        "--epochs",
        "3",
        "--seed",
        "0",
        "--data",
        "photos",
        "--plugin",
        "x/mine.py",
    ]
    expected = [("data", "photos"), ("epochs", 3), ("seed", 0), ("settings", ("a=1", "b=2"))]
    assert CliRunner().invoke(command, arguments).output == f"{expected} ['mine.py']\n"


def test_a_count_below_its_least_is_a_usage_error():
    for arguments in (["--epochs", "0"], ["--seed", "-1"]):
        assert CliRunner().invoke(command, arguments).exit_code == 2


def test_yes_allows_downloads_for_this_process(monkeypatch):
    monkeypatch.setenv("ZEROKD_DOWNLOADS", "no")
    CliRunner().invoke(command, [])
    assert os.environ["ZEROKD_DOWNLOADS"] == "no"
    CliRunner().invoke(command, ["--yes"])
    assert os.environ["ZEROKD_DOWNLOADS"] == "yes"


def test_a_command_that_lasts_reports_on_stderr_alone(monkeypatch):
    monkeypatch.setattr(phases, "FIRST_SECONDS", 0.05)

    @click.command()
    @reports_phases
    def slow():
        time.sleep(0.3)
        click.echo("{}")

    done = CliRunner().invoke(slow)
    assert (done.stdout, done.stderr) == ("{}\n", "starting (0 s)\n")


def test_quiet_prevents_phases(monkeypatch):
    monkeypatch.setattr(phases, "FIRST_SECONDS", 0.05)

    @click.command()
    @reports_phases
    def slow():
        time.sleep(0.2)
        click.echo(is_quiet())

    done = CliRunner().invoke(slow, ["--quiet"])
    assert (done.stdout, done.stderr) == ("True\n", "")
    assert CliRunner().invoke(slow, []).stdout == "False\n"


@pytest.mark.parametrize(
    "name", ["run", "resume", "sweep", "check", "bench", "check-data", "enhance", "evaluate", "export", "plugins"]
)
def test_every_command_that_lasts_has_quiet(name):
    command = zerokd.get_command(click.Context(zerokd), name)
    assert "--quiet" in [option for param in command.params for option in param.opts]


def test_alone_it_shows_first_steps_that_exist():
    done = CliRunner().invoke(zerokd, [], catch_exceptions=False)
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "First steps:"
    assert max(map(len, lines)) <= 80
    commands = [line.split()[1] for line in lines[1:]]
    assert commands[:2] == ["demo", "enhance"]
    assert {*commands} <= {*zerokd.list_commands(click.Context(zerokd)), "--help"}
