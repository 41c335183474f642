"""A point that is far worse than the others is given up before its end, and no other one."""

import json

import optuna
import pytest

from tests.sweep.small import CATALOGUE, document
from zerokd.errors import RecipeError
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.sweep.objectives import Goal
from zerokd.sweep.pruning import PruningProgress, TrialPrunedError, build_pruner
from zerokd.sweep.sweep import SweepOptions, run_sweep

FIDELITY = Goal("fidelity", True, "dB")
RATE = "stages.distill.optimizer.learning_rate"


def test_a_hopeless_point_is_given_up_and_says_why(tmp_path):
    options = SweepOptions(grid=(f"{RATE}=5e-3,4e-3,6e-3,1e-7",), prune="distillation.enhanced")
    lines = []
    recipe = document("stages.distill.epochs=8", "data.count=9")
    results = run_sweep(recipe, CATALOGUE, options, tmp_path, None, "cpu", lines.append)
    assert [record.state for record in results.records] == ["done", "done", "done", "pruned"]
    assert "distillation.enhanced is " in results.records[3].why
    log = (tmp_path / "points/004/metrics.jsonl").read_text().splitlines()
    epochs = [line for line in map(json.loads, log) if line["kind"] == "epoch"]
    assert 3 <= len(epochs) < 8
    assert any(line.startswith("  pruned: ") for line in lines)


@pytest.mark.parametrize("higher", [True, False])
def test_a_loss_is_better_where_it_is_less_whichever_way_the_goal_goes(higher):
    direction = "maximize" if higher else "minimize"
    study = optuna.create_study(direction=direction, pruner=optuna.pruners.MedianPruner(n_startup_trials=2))
    for value in (0.1, 0.2):
        trial = study.ask()
        PruningProgress(trial, "distill", "a.b", higher).prune_if_worse(0, value)
        study.tell(trial, 1.0)
    PruningProgress(study.ask(), "distill", "a.b", higher).prune_if_worse(0, 0.05)
    with pytest.raises(TrialPrunedError, match=r"a\.b is 0.9 after epoch 1"):
        PruningProgress(study.ask(), "distill", "a.b", higher).prune_if_worse(0, 0.9)
    PruningProgress(study.ask(), "distill", "a.b", higher).prune_if_worse(0, None)


def test_what_cannot_be_judged_by_is_told():
    components = check_recipe(document(), CATALOGUE)[1]
    assert isinstance(build_pruner(components, [FIDELITY], None), optuna.pruners.NopPruner)
    assert isinstance(build_pruner(components, [FIDELITY], "task.color"), optuna.pruners.MedianPruner)
    with pytest.raises(RecipeError, match=r"no term 'distilation.enhanced'.*\n.*did you mean 'distillation.enhanced'"):
        build_pruner(components, [FIDELITY], "distilation.enhanced")
    with pytest.raises(RecipeError, match="several"):
        build_pruner(components, [FIDELITY, Goal("cast", False)], "task.color")
