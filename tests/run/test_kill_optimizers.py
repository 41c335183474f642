"""A run with any built-in optimizer, killed and resumed, ends with the student of a run that was never stopped."""

import json
import signal
from functools import partial

import pytest
import torch

from tests.conftest import RECIPES
from tests.run.test_kill import SETTINGS, dying, dying_at, forked, run
from zerokd.files.digest import file_sha256
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run import checkpointer
from zerokd.run.folder import RunFolder
from zerokd.run.plan import prepare_run

RATE = "learning_rate={use='warmup_cosine', peak=0.01, warmup='2 steps', from=0.001}"
OPTIMIZERS = {
    "adam": f"{{use='adam', {RATE}, weight_decay=0.01}}",
    "adamw": "{use='adamw', groups=[{match='*.bias', weight_decay=0.0, learning_rate_factor=0.5}]}",
    "sgd": "{use='sgd', momentum=0.9, nesterov=true, learning_rate=0.1}",
    "lion": "{use='lion', learning_rate=1e-3, clip_norm='off'}",
    "torch": "{use='torch', name='NAdam', learning_rate={use='one_cycle', peak=0.01}}",
    "torch Adafactor": "{use='torch', name='Adafactor', weight_decay=0.1}",
}


def kill_after(step):
    return lambda _: dying_at(checkpointer.Checkpointer, "after_step", step, after=True)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_killed_run_ends_with_the_same_student(tmp_path, name):
    settings = (*SETTINGS, *(f"stages.{stage}.optimizer={OPTIMIZERS[name]}" for stage in ("pretrain", "distill")))
    document = apply_options(
        read_recipe_document(RECIPES / "paper.toml"), settings=settings, data=None, epochs=None, seed=None
    )
    recipe, components = check_recipe(document, discover_plugins())
    threads = torch.get_num_threads()
    plan = prepare_run(components, torch.device("cpu")), recipe.model_dump(mode="json", exclude_none=True)
    torch.set_num_threads(threads)
    folders = [RunFolder(tmp_path / part) for part in ("whole", "killed")]
    for folder in folders:
        (folder.path / "samples").mkdir(parents=True)
    whole, killed = folders
    assert forked(partial(run, plan, whole)) == 0
    for step in (4, 5):  # of 6 in the first stage, then in the second
        assert forked(partial(dying, kill_after(step), None, plan, killed)) == -signal.SIGKILL
    assert forked(partial(run, plan, killed)) == 0
    assert file_sha256(killed.student) == file_sha256(whole.student)
    assert killed.metrics.read_bytes() == whole.metrics.read_bytes()
    manifest = json.loads(killed.manifest.read_text())
    assert [stage["optimizer"]["use"] for stage in manifest["stages"]] == [name.split()[0]] * 2
    lines = map(json.loads, whole.metrics.read_text().splitlines())
    rates = [line["learning_rate"] for line in lines if line["kind"] == "step"]
    assert len({*rates}) > 3  # it follows a schedule
