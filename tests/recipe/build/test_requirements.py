"""What a recipe rests on, and each way in which it may not be there."""

import os

import pytest

from tests.command import zerokd
from tests.plugin.installed import install

SMALL = """
name = "mine"
run = ["fit"]
data = { use = "dead_leaves", size = 32, count = 6 }
models.student.use = "nano_dce"
stages.fit = { use = "self_supervised", objective = "task", epochs = 1 }
terms.task.color.use = "color_constancy"
"""


@pytest.fixture
def explain(tmp_path):
    """The errors of ``zerokd explain`` for a recipe with these requirements, beside some installed packages."""
    install(tmp_path / "site", "my-losses", version="1.4")
    install(tmp_path / "site", "ill", code="import no_such_module")

    def explain(requires, **environment):
        (tmp_path / "mine.toml").write_text(f"{SMALL}\n[requires]\n{requires}\n")
        env = {key: value for key, value in os.environ.items() if key != "ZEROKD_PLUGINS"}
        env["PYTHONPATH"] = os.pathsep.join([str(tmp_path / "site"), env.get("PYTHONPATH", "")])
        process = zerokd("explain", "mine.toml", env=env | environment, cwd=tmp_path)
        assert process.returncode == (2 if process.stderr else 0)
        return process.stderr

    return explain


@pytest.mark.parametrize("specifier", [">=1.0", "==1.4", "*", "", ">=1,<2", "~=1.4"])
def test_what_is_there_is_fine(explain, specifier):
    assert explain(f'my-losses = "{specifier}"\nMy_Losses = "{specifier}"\nzerokd = ">=0.1"') == ""


@pytest.mark.parametrize(
    ("requires", "message", "hint"),
    [
        ('absent = ">=0.1"', "the recipe requires absent, which is not installed", "pip install 'absent>=0.1'"),
        ('absent = "*"', "the recipe requires absent, which is not installed", "pip install 'absent'"),
        ('my-losses = ">=2"', "the recipe requires my-losses>=2, and 1.4 is installed", "pip install 'my-losses>=2'"),
        ('ill = "*"', "the recipe requires ill, which is broken: ModuleNotFoundError", "pip install 'ill'"),
        ('my-losses = "two"', "'two' is not a version specifier", '">=0.1"'),
        ("my-losses = 1", "requires.my-losses: ", "string"),
    ],
)
def test_what_is_not_is_told_at_its_place(explain, requires, message, hint):
    errors = explain(requires)
    assert errors.startswith("mine.toml:10:")
    assert message in errors
    assert hint in errors


def test_what_was_left_out_is_told(explain):
    assert "which is disabled" in explain('my-losses = "*"', ZEROKD_PLUGINS="")


def test_all_at_once(explain):
    assert "2 problems" in explain('absent = "*"\nmy-losses = ">=2"')
