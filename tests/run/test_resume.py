"""A resumed run must be the run that was started."""

import json
import os

import pytest

from zerokd.errors import DataError, RecipeError, RunFolderError, WeightsError
from zerokd.run.folder import RunFolder
from zerokd.run.resume import (
    find_differences,
    find_unfinished_run,
    load_last_checkpoint,
    read_manifest,
    require_same_recipe,
    require_same_run,
)
from zerokd.training.checkpoint import Checkpoint, save_checkpoint

MANIFEST = {
    "recipe": "paper",
    "seed": 0,
    "device": "cpu",
    "versions": {"torch": "2.15.0"},
    "platform": "here",
    "plugins": {"mine:flat": "mine 1.0"},
    "models": {"teacher": {"sha256": "aa"}},
    "components": {"terms.task.flat": {"use": "mine:flat"}},
    "data": {"sha256": "bb", "images": 6},
}


def create_run(path, manifest=MANIFEST, tables=None):
    path.mkdir(parents=True)
    run = RunFolder(path)
    run.write_recipe(tables or {"name": "paper", "params": {"alpha": 0.35}})
    run.write_manifest(dict(manifest))
    return run


@pytest.mark.parametrize(
    ("key", "value", "difference"),
    [
        ("plugins", {"mine:flat": "mine 2.0"}, 'plugins.mine:flat: was "mine 1.0", is "mine 2.0"'),
        ("plugins", {}, 'plugins.mine:flat: was "mine 1.0", is absent'),
        ("models", {"teacher": {"sha256": "cc"}}, 'models.teacher.sha256: was "aa", is "cc"'),
        ("data", {"sha256": "bb", "images": 7}, "data.images: was 6, is 7"),
        ("components", {"terms.task.flat": {"use": "x"}}, 'components.terms.task.flat.use: was "mine:flat"'),
        ("seed", 1, "seed: was 0, is 1"),
    ],
)
def test_what_decides_the_student_must_be_the_same(key, value, difference):
    with pytest.raises(DataError) as caught:
        require_same_run(MANIFEST, MANIFEST | {key: value})
    assert difference in str(caught.value)
    assert caught.value.exit_code == 3


def test_what_decides_the_last_bits_is_told():
    current = MANIFEST | {"device": "cuda:0", "versions": {"torch": "2.16.0"}}
    assert require_same_run(MANIFEST, MANIFEST) == []
    assert require_same_run(MANIFEST, current) == [
        'device: was "cpu", is "cuda:0"',
        'versions.torch: was "2.15.0", is "2.16.0"',
    ]


def test_a_recipe_that_was_changed_is_refused_by_key(tmp_path):
    run = create_run(tmp_path / "run")
    require_same_recipe(run, {"name": "paper", "params": {"alpha": 0.35}})
    require_same_recipe(
        run, {"name": "paper", "params": {"alpha": 0.35}, "on_nonfinite": "skip", "checkpoint_seconds": 1.0}
    )
    with pytest.raises(RecipeError) as caught:
        require_same_recipe(run, {"name": "paper", "params": {"alpha": 0.4, "beta": 0.1}})
    assert "params.alpha: was 0.35, is 0.4" in str(caught.value)
    assert "params.beta: was absent, is 0.1" in str(caught.value)
    assert f"zerokd resume {run.path}" in str(caught.value)


def test_differences_are_leaves_in_order():
    assert list(find_differences({"a": {"b": 1, "c": [1]}, "d": 2}, {"a": {"b": 1, "c": [2]}, "e": 3})) == [
        "a.c: was [1], is [2]",
        "d: was 2, is absent",
        "e: was absent, is 3",
    ]


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00"])
def test_a_broken_manifest_is_no_run(tmp_path, text):
    run = create_run(tmp_path / "run")
    run.manifest.write_text(text)
    with pytest.raises(RunFolderError, match="is not a run folder"):
        read_manifest(run)


def test_a_folder_without_a_recipe_is_no_run(tmp_path):
    with pytest.raises(RunFolderError, match=r"holds no recipe\.toml"):
        read_manifest(RunFolder(tmp_path))


def test_the_newest_unfinished_run_of_that_name_is_found(tmp_path):
    assert find_unfinished_run(tmp_path, "paper") is None
    for age, (name, more) in enumerate(
        [
            ("paper-1", {}),
            ("paper-2", {}),
            ("paper-3", {"result": {}}),
            ("paper-4", {"recipe": "paper-x"}),
            ("other-5", {}),
        ]
    ):
        run = create_run(tmp_path / name, MANIFEST | more)
        os.utime(run.manifest, (1000 + age, 1000 + age))
    (tmp_path / "paper-broken").mkdir()
    (tmp_path / "paper-broken/manifest.json").write_text("{")
    assert find_unfinished_run(tmp_path, "paper") == tmp_path / "paper-2"


def test_without_a_checkpoint_it_starts_at_its_first_step_and_a_damaged_one_is_never_that(tmp_path):
    run = create_run(tmp_path / "run")
    assert load_last_checkpoint(run) == (None, ())
    save_checkpoint(run.checkpoints, Checkpoint({}, {"step": 3}))
    loaded, damaged = load_last_checkpoint(run)
    assert (loaded.metadata, damaged) == ({"step": 3}, ())
    (run.checkpoints / "last.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="is empty"):
        load_last_checkpoint(run)
    assert json.loads(run.manifest.read_text()) == MANIFEST
