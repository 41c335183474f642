"""A run with two players: against the game written by hand, its log, and a stop in the middle of it."""

import copy
import json

import numpy as np
import pytest
import torch
from rich.console import Console

import zerokd
from zerokd.errors import NumericError
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_settings
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe
from zerokd.run.checkpointer import Checkpointer
from zerokd.run.data_parallel import parallelize_plan
from zerokd.run.folder import RunFolder
from zerokd.run.manifest import build_manifest
from zerokd.run.plan import prepare_run
from zerokd.run.progress import Progress
from zerokd.run.session import execute
from zerokd.training.batches import iterate_batches
from zerokd.training.process_group import ProcessGroup

CPU = torch.device("cpu")


GAME = """
name = "game"
run = ["game"]
threads = 1
[data]
use = "dead_leaves"
size = 16
count = 3
held_out = 0.0
[models.student]
use = "nano_dce"
[stages.game]
use = "supervised"
objective = "0.5*adversarial"
epochs = 2
batch = 1
[stages.game.optimizer]
use = "sgd"
learning_rate = { use = "linear", from = 0.1, to = 0.01 }
clip_norm = "off"
[stages.game.critic]
use = "patch"
width = 4
depth = 2
every = 2
steps = 2
objective = "discrimination + penalty"
[stages.game.critic.optimizer]
use = "sgd"
learning_rate = { use = "linear", from = 0.2, to = 0.1 }
clip_norm = "off"
[terms.adversarial.score]
use = "adversarial"
form = "logistic"
[terms.discrimination.scores]
use = "discrimination"
form = "hinge"
[terms.penalty.slope]
use = "gradient_penalty"
weight = 0.01
"""


def build(*settings):
    return check_recipe(apply_settings(read_recipe(GAME), settings), discover_plugins())[1]


def test_two_players_equal_their_game_written_out(tmp_path):
    """Six batches: at every second one two steps of the critic (hinge and R1), at each one of the student."""
    components = build()
    plan = prepare_run(components, CPU)
    (stage,) = components.stages
    student, critic = copy.deepcopy(components.student), copy.deepcopy(stage.critic.network)
    batches = list(iterate_batches(components.data, plan.training_indices, stage, components.seed, CPU))

    with (tmp_path / "log.txt").open("w") as file:
        folder, progress = RunFolder.create("game", tmp_path / "run"), Progress(Console(file=file))
        execute(plan, folder, {"name": "game"}, build_manifest(plan), progress)

    optimizers = torch.optim.SGD(student.parameters(), 0.1), torch.optim.SGD(critic.parameters(), 0.1)
    for step, batch in enumerate(batches):
        low, reference = batch.tensors["low"], batch.tensors["reference"].requires_grad_()
        rates = np.interp(step, [0, 5], [0.1, 0.01]), np.interp(step, [0, 5], [0.2, 0.1])
        for optimizer, rate in zip(optimizers, rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate
        for _ in range(2 if step % 2 == 0 else 0):
            critic.train().zero_grad()
            real, fake = critic(reference), critic(student(low)["enhanced"].detach())
            hinge = (1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()
            (slope,) = torch.autograd.grad(real.mean(), reference, create_graph=True)
            (hinge + 0.01 * slope.square().sum() * slope.numel()).backward()
            optimizers[1].step()
        student.zero_grad()
        score = critic.eval()(student(low)["enhanced"])
        (0.5 * torch.log1p(torch.exp(-score)).mean()).backward()
        optimizers[0].step()

    for trained, expected in ((components.student, student), (stage.critic.network, critic)):
        for parameter, other in zip(trained.parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(parameter, other, rtol=1e-4, atol=1e-6)


class StopError(Exception):
    """Ends a run as a kill between two steps does."""


def read_lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_each_player_has_its_own_lines_in_the_log(tmp_path):
    run = zerokd.train(GAME, out=tmp_path / "run", progress=False)
    steps = [line for line in read_lines(run.folder) if line["kind"] == "step"]
    of_critic = [line for line in steps if line["stage"] == "game.critic"]
    assert [line["step"] for line in of_critic] == [1, 2, 3, 4, 5, 6]
    assert [line["epoch"] for line in of_critic] == [0, 0, 0, 0, 1, 1]
    assert [line["step"] for line in steps if line["stage"] == "game"] == [1, 2, 3, 4, 5, 6]
    assert all(line["total"] == pytest.approx(sum(t["contribution"] for t in line["terms"].values())) for line in steps)
    record = run.manifest["stages"][0]["critic"]
    assert (record["every"], record["updates"], record["objective"]) == (2, 2, "discrimination + penalty")
    assert "discrimination + penalty" in run.report.read_text(encoding="utf-8")
    assert "game.critic: contribution of each term" in (run.folder / "curves.svg").read_text(encoding="utf-8")
    assert {record["stage"] for record in run.steps} == {"game", "game.critic"}


@pytest.mark.parametrize("last", range(1, 6))
def test_a_run_that_stops_after_any_step_resumes_to_the_same_bytes(tmp_path, monkeypatch, last):
    whole = zerokd.train(GAME, out=tmp_path / "whole", set={"checkpoint_seconds": 0.0}, progress=False)
    after_step = Checkpointer.after_step

    def stop(self, state, step_log):
        after_step(self, state, step_log)
        if step_log.step == last:
            raise StopError

    with monkeypatch.context() as patch:
        patch.setattr(Checkpointer, "after_step", stop)
        with pytest.raises((StopError, zerokd.ZerokdError)):
            zerokd.train(GAME, out=tmp_path / "run", set={"checkpoint_seconds": 0.0}, progress=False)
    run = zerokd.train(GAME, out=tmp_path / "run", set={"checkpoint_seconds": 0.0}, resume=True, progress=False)
    assert (run.folder / "student.safetensors").read_bytes() == (whole.folder / "student.safetensors").read_bytes()
    assert read_lines(run.folder) == read_lines(whole.folder)


def test_a_step_of_the_critic_that_is_not_finite_is_saved_with_both_networks(tmp_path):
    changes = {"stages.game.critic.optimizer.learning_rate": 100.0, "stages.game.critic.spectral": False}
    changes |= {"terms.penalty.slope.weight": 1e30}
    with pytest.raises(NumericError, match=r"game\.critic"):
        zerokd.train(GAME, out=tmp_path / "run", set=changes, progress=False)
    files = {path.name for path in (tmp_path / "run/failure").iterdir()}
    assert files == {"report.json", "batch.safetensors", "student.safetensors", "critic.safetensors"}


def test_several_processes_cannot_take_turns():
    plan = prepare_run(build(), CPU)
    with pytest.raises(zerokd.RecipeError, match="has a critic, and several processes"):
        parallelize_plan(plan, ProcessGroup(size=2))


def test_a_compiled_step_is_refused_where_the_recipe_demands_it():
    with pytest.raises(zerokd.RecipeError, match="two players"):
        prepare_run(build('speed.compile="on"'), CPU)
