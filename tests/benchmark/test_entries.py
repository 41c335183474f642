"""Recipes are checked together, trained once for each seed, and never trained twice."""

import io

import pytest
import torch
from rich.console import Console

from zerokd.benchmark.entries import load_entries, plan_trainings, prepare_folder, train_entry
from zerokd.errors import OutputError, RecipeError
from zerokd.plugin.discovery import discover_plugins
from zerokd.run.progress import Progress
from zerokd.student.evaluate.methods import BASELINE_NAMES

TINY = ("data.size=32", "data.count=4", "threads=1")


def quiet_progress():
    return Progress(Console(file=io.StringIO()))


def train(plan, out, texts):
    return train_entry(plan, out, discover_plugins(), "cpu", quiet_progress(), texts.append)


def test_a_recipe_has_a_student_for_each_seed_and_is_trained_once(tmp_path):
    (plan,) = plan_trainings(["supervised"], [3, 5], discover_plugins(), settings=TINY, epochs=2)
    texts = []
    entry = train(plan, tmp_path, texts)
    assert texts == ["training supervised, seed 3", "training supervised, seed 5"]
    assert (entry.name, entry.seeds) == ("supervised", (3, 5))
    assert [method.facts["seed"] for method in entry.methods] == [3, 5]
    files = [tmp_path / f"runs/supervised-seed{seed}/student.safetensors" for seed in (3, 5)]
    times = [file.stat().st_mtime_ns for file in files]
    again = train(plan, tmp_path, [])
    assert [method.digest for method in again.methods] == [method.digest for method in entry.methods]
    assert [file.stat().st_mtime_ns for file in files] == times


def test_a_name_that_is_taken_gets_a_number(tmp_path):
    (plan,) = plan_trainings(["supervised"], [0], discover_plugins(), settings=TINY, epochs=2)
    taken = ["fidelity", "supervised"]
    entry = train_entry(plan, tmp_path, discover_plugins(), "cpu", quiet_progress(), [].append, taken)
    assert (entry.name, entry.methods[0].name) == ("supervised (2)", "supervised (2) seed 0")


def test_the_settings_of_a_recipe_are_not_those_of_the_measurement(tmp_path):
    (plan,) = plan_trainings(
        ["supervised"],
        [0],
        discover_plugins(),
        settings=(*TINY[:2], f"threads={torch.get_num_threads() + 1}"),
        epochs=2,
    )
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode(), torch.get_rng_state()
    train(plan, tmp_path, [])
    after = torch.get_num_threads(), torch.get_deterministic_debug_mode(), torch.get_rng_state()
    assert after[:2] == before[:2]
    assert after[2].equal(before[2])


def test_a_changed_recipe_is_not_taken_for_the_one_that_was_trained(tmp_path):
    (plan,) = plan_trainings(["supervised"], [0], discover_plugins(), settings=TINY, epochs=2)
    train(plan, tmp_path, [])
    (changed,) = plan_trainings(
        ["supervised"], [0], discover_plugins(), settings=(*TINY, "stages.fit.optimizer.weight_decay=0.1"), epochs=2
    )
    with pytest.raises(RecipeError, match="the recipe differs from the one that started") as raised:
        train(changed, tmp_path, [])
    assert "weight_decay" in str(raised.value)


def test_all_recipes_are_checked_before_any_is_trained(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text(f'extends = "supervised"\nname = "{name}"\nnonsense = 1\n')
    with pytest.raises(RecipeError) as raised:
        plan_trainings([str(tmp_path / "one.toml"), str(tmp_path / "two.toml")], [0], discover_plugins())
    assert {problem.place.file.rpartition("/")[2] for problem in raised.value.problems} == {"one.toml", "two.toml"}


def test_two_recipes_of_one_name(tmp_path):
    with pytest.raises(RecipeError, match="two recipes have the name 'supervised'"):
        plan_trainings(["supervised", "supervised"], [0], discover_plugins())


def test_baselines_come_first_and_names_are_unique():
    entries = load_entries(["fidelity", "fidelity"], discover_plugins())
    assert [entry.name for entry in entries] == [*BASELINE_NAMES, "fidelity", "fidelity (2)"]


def test_a_folder_with_something_else_is_not_touched(tmp_path):
    prepare_folder(tmp_path / "new")
    (tmp_path / "new/runs").mkdir()
    prepare_folder(tmp_path / "new")
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(OutputError, match="something else than a benchmark"):
        prepare_folder(tmp_path)
    with pytest.raises(OutputError, match=r"Not a directory|File exists"):
        prepare_folder(tmp_path / "thesis.tex")
