"""From ``zerokd new`` to a trained student with one's own loss in it, installed as a package."""

import os
import subprocess
import sys

import pytest

from tests.command import zerokd
from tests.conftest import RECIPES, ROOT, TINY


def test_a_package_is_made_and_the_next_commands_are_told(tmp_path):
    done = zerokd("new", "loss", "smooth_colour", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cd zerokd-smooth-colour" in done.stdout
    assert (tmp_path / "zerokd-smooth-colour/zerokd_smooth_colour/smooth_colour.py").exists()
    again = zerokd("new", "loss", "smooth_colour", cwd=tmp_path)
    assert again.returncode == 5
    assert "already exists" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["loss", "SmoothColour"], "write smooth_colour"),
        (["losss", "x"], "'losss' is not one of"),
        (["metric", "psnr-y"], "write psnr_y"),
    ],
)
def test_mistakes_of_usage(tmp_path, arguments, message):
    done = zerokd("new", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert not os.listdir(tmp_path)


def test_one_file_trains_at_once(tmp_path):
    assert zerokd("new", "loss", "smooth", "--one-file", cwd=tmp_path).returncode == 0
    settings = [
        part for setting in (*TINY, 'terms.distillation.mine={use="smooth", weight=0.5}') for part in ("--set", setting)
    ]
    done = zerokd("run", RECIPES / "paper.toml", *settings, "--plugin", "smooth.py", "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_an_installed_package_is_listed_and_trains_through_its_entry_point(tmp_path):
    """A real installation, into an environment of its own that borrows everything else."""
    zerokd("new", "loss", "smooth", cwd=tmp_path)
    target = tmp_path / "site"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-build-isolation",
        "--quiet",
        "--target",
        str(target),
    ]
    done = subprocess.run([*pip, str(tmp_path / "zerokd-smooth")], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    path = os.pathsep.join([str(target), str(ROOT), os.environ.get("PYTHONPATH", "")])
    chosen = {**os.environ, "PYTHONPATH": path, "ZEROKD_PLUGINS": "zerokd_smooth"}
    shown = zerokd("plugins", cwd=tmp_path, env=chosen)
    assert "zerokd-smooth 0.1.0  ok" in shown.stdout
    settings = [
        part for setting in (*TINY, 'terms.distillation.mine={use="smooth", weight=0.5}') for part in ("--set", setting)
    ]
    done = zerokd("run", RECIPES / "paper.toml", *settings, "--out", "run", cwd=tmp_path, env=chosen)
    assert done.returncode == 0, done.stderr
    assert "zerokd-smooth 0.1.0" in (tmp_path / "run/manifest.json").read_text()


def test_a_recipe_of_ones_own_trains_at_once(tmp_path):
    done = zerokd("new", "recipe", "mine", "--from", "fidelity", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Created mine.toml. Next:\n  zerokd check mine.toml\n  zerokd run mine.toml\n"
    small = ("--set", "data.size=32", "--set", "data.count=6", "--epochs", "1", "--out", "run")
    done = zerokd("run", "mine.toml", *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "recipe mine, seed 0" in done.stdout
    assert zerokd("new", "recipe", "mine", cwd=tmp_path).returncode == 5  # nothing is overwritten


def test_a_loss_of_a_library_is_wrapped_and_what_to_decide_is_told(tmp_path):
    done = zerokd("new", "loss", "--wrap", "torch.nn.functional.huber_loss", "--one-file", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Created huber_loss.py: it passes ")
    assert "  pitfalls: what a user should know of it" in done.stdout
    assert "zerokd plugins --check huber_loss --plugin huber_loss.py" in done.stdout
    assert zerokd("show", "huber_loss", "--plugin", "huber_loss.py", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["loss", "--wrap", "no_such_library.gmsd"], "no_such_library is not installed here"),
        (["loss", "mse", "--wrap", "torch.nn.functional.mse_loss"], "zerokd has a built-in loss 'mse'"),
        (["metric", "mine", "--wrap", "torch.nn.functional.mse_loss"], "--wrap applies to a loss"),
        (["loss"], "Missing argument 'NAME'"),
    ],
)
def test_what_cannot_be_wrapped_is_told(tmp_path, arguments, message):
    done = zerokd("new", *arguments, cwd=tmp_path)
    assert (done.returncode, message in done.stderr) == (2, True)
    assert not os.listdir(tmp_path)


def test_options_that_do_not_apply_are_refused(tmp_path):
    done = zerokd("new", "recipe", "mine", "--one-file", cwd=tmp_path)
    assert (done.returncode, "--one-file applies to plugins" in done.stderr) == (2, True)
    done = zerokd("new", "loss", "mine", "--from", "paper", cwd=tmp_path)
    assert (done.returncode, "--from applies to a recipe" in done.stderr) == (2, True)
    assert not os.listdir(tmp_path)
