"""A small run folder, created once for the tests that read one."""

import atexit
import json
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from rich.console import Console

from tests.conftest import RECIPES
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run.launch import run_recipe
from zerokd.run.progress import Progress

SETTINGS = (
    "data.size=24",
    "data.count=8",
    "threads=1",
    "diagnose_every=2",
    'terms.distillation.perceptual.weights="random"',
    'params.alpha={ use = "linear", from = 0.1, to = 0.35 }',
    'metrics.truth={ use = "psnr", on = { target = "reference" } }',
)
HOSTILE = '<img src=x onerror="alert(1)">'


@cache
def shared_run(*more):
    """The folder of a run of a few steps; never written to by a test."""
    folder = Path(mkdtemp(prefix="zerokd-run-")) / "run"
    atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
    document = apply_options(read_recipe_document(RECIPES / "paper.toml"), settings=(*SETTINGS, *more), epochs=4)
    with open("/dev/null", "w") as nowhere:
        run_recipe(document, discover_plugins(), "cpu", folder, False, Progress(Console(file=nowhere)))
    return folder


def copied(tmp_path, *more, name="run"):
    """A copy that a test may change."""
    return Path(shutil.copytree(shared_run(*more), tmp_path / name))


def changed(folder, **values):
    """Put values into the manifest of a run."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return folder
