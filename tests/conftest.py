"""Fixtures of all tests: golden figures of the released code, and material that is not part of the project."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from tests.command import start_server
from tests.scenes import remember_scenes
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_settings
from zerokd.recipe.build.resolver import resolve_recipe
from zerokd.recipe.schema.recipe import validate_recipe
from zerokd.recipe.toml.extends import read_recipe_document

os.environ["ZEROKD_PLUGINS"] = ""  # installed plugins take no part in these tests; some choose their own
remember_scenes()
torch.set_num_threads(1)  # tiny tensors: a second thread costs more than it saves

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")

ROOT = Path(__file__).parents[1]
REAL = Path(os.environ.get("ZEROKD_REAL", ROOT / "../shared"))

RECIPES = ROOT / "recipes"
TINY = (
    "data.size=32",
    "data.count=6",
    "threads=1",
    "stages.pretrain.epochs=1",
    "stages.distill.epochs=1",
    'terms.distillation.perceptual.weights="random"',
)


def pytest_configure(config):
    # What a shell starts in the background ignores SIGINT, and so do its processes: none could be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if getattr(config.option, "numprocesses", None):  # one for all processes of tests
        start_server()


class Golden:
    """The inputs that the golden figures were computed from, float64, and the figures."""

    def __init__(self):
        facts = json.loads((ROOT / "tests/golden/losses.json").read_text())
        waves = {name: wave for name, wave in facts["inputs"].items() if isinstance(wave, dict) and "lo" in wave}
        self.inputs = {name: _wave(**wave) for name, wave in waves.items()}
        self.checks = facts["inputs"]["checks"]
        self.facts = facts["golden"]

    def __getitem__(self, name):
        return self.inputs[name]

    def values(self, name, key="values"):
        return torch.tensor(self.facts[name][key], dtype=torch.float64)


def _wave(k, shape, lo, hi):
    n, c, i, j = torch.meshgrid(*(torch.arange(size, dtype=torch.float64) for size in shape), indexing="ij")
    phase = 0.37 * (k + 1) + 0.11 * (n + 1) * i + 0.07 * (c + 1) * j + 0.9 * n + 0.5 * c
    return lo + (hi - lo) * (0.5 + 0.5 * torch.sin(phase))


@pytest.fixture(autouse=True)
def _subnormals():
    """A run flushes subnormal numbers to 0 for the rest of its process; the next test has them."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def golden():
    return Golden()


@pytest.fixture
def real():
    """Path of a file in the folder ``ZEROKD_REAL``; tests marked ``real`` are skipped without it."""

    def path(name):
        if not (REAL / name).exists():
            pytest.skip(f"{name} is not in {REAL}; ZEROKD_REAL names the folder that has it")
        return REAL / name

    return path


@pytest.fixture
def build():
    """``build("key=value", ...)``: the components of a small recipes/paper.toml with these settings."""

    def build(*settings, recipe="paper.toml", small=TINY):
        document = apply_settings(read_recipe_document(RECIPES / recipe), [*small, *settings])
        return resolve_recipe(validate_recipe(document), document, discover_plugins())

    return build
