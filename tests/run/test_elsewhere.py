"""A run on a device that is not the CPU, simulated: nothing is left on the CPU, and Python hardly ever waits."""

import json
import os

import pytest
import torch
from safetensors.torch import load_file

from tests.command import start, zerokd
from tests.conftest import RECIPES, ROOT, TINY

SETTINGS = (*TINY, "stages.pretrain.epochs=2", "stages.distill.epochs=3", "diagnose_every=4", "data.count=9")
PER_STAGE = {"pretrain": 4, "distill": 6}  # steps
STOP = 6
IMAGE = 3 * 32 * 32  # bytes
FITTING = 8 * IMAGE * 8  # an eighth of the memory has room for the photos that train


def options(*more):
    return [word for setting in (*SETTINGS, *more) for word in ("--set", setting)]


def elsewhere(file, *arguments, stop=0, memory=FITTING):
    """The command on that device; what each of its steps waited for and was sent."""
    environment = {**os.environ, "ELSEWHERE_BYTES": str(memory), "ZEROKD_CACHE": str(file.parent / "cache")}
    prelude = f"from tests.elsewhere import register_device; register_device({str(file)!r}, {stop})"
    done = start(*arguments, cwd=ROOT, env=environment, prelude=prelude, merged=True)
    text, _ = done.communicate(240)
    assert done.returncode == (130 if stop else 0), text
    return json.loads(file.read_text())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    arguments = ("run", RECIPES / "paper.toml", "--device", "elsewhere", *options(), "--out", folder / "run")
    return folder / "run", elsewhere(folder / "waits", *arguments)


def test_the_student_is_the_cpus(whole, tmp_path):
    done = zerokd("run", RECIPES / "paper.toml", *options(), "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    student, expected = (load_file(folder / "student.safetensors") for folder in (whole[0], tmp_path / "run"))
    assert max((student[name] - expected[name]).abs().max() for name in expected) < 1e-5
    manifest = json.loads((whole[0] / "manifest.json").read_text())
    assert manifest["device"] == "elsewhere"
    assert (whole[0] / "report.html").exists()


def test_a_step_waits_for_the_device_once_and_for_its_diagnosis_once_more(whole):
    _, steps = whole
    assert len(steps) == sum(PER_STAGE.values())
    counts = [len(step["waits"]) for step in steps]
    between = PER_STAGE["pretrain"]  # the stage's end and the next one's start are in its first step
    assert counts[1:between] == [1, 1, 2]
    assert counts[between + 1 :] == [1, 1, 2, 1, 1]


def test_photos_are_sent_once_where_they_fit_and_with_each_batch_where_they_do_not(whole, tmp_path):
    few = 200  # bytes: weights of the terms, draws of the augmentation
    first, *_, last = [step["sent"] for step in whole[1][PER_STAGE["pretrain"] :]]
    assert first > 4 * IMAGE
    assert last < few
    assert whole[1][0]["sent"] > 7 * IMAGE  # the first epoch, whose second batch is made while the first is computed
    assert all(step["sent"] < few for step in whole[1][1 : PER_STAGE["pretrain"]])
    arguments = ("run", RECIPES / "paper.toml", "--device", "elsewhere", *options(), "--out", tmp_path / "run")
    steps = elsewhere(tmp_path / "waits", *arguments, memory=FITTING - 8)
    lasts = [PER_STAGE["pretrain"] - 1, sum(PER_STAGE.values()) - 1]  # after which there is no batch to be made
    assert [index for index, step in enumerate(steps) if step["sent"] < 3 * IMAGE] == lasts
    student, expected = ((folder / "student.safetensors").read_bytes() for folder in (tmp_path / "run", whole[0]))
    assert student == expected


def test_a_run_goes_on_there_to_the_same_student(whole, tmp_path):
    arguments = ("run", RECIPES / "paper.toml", "--device", "elsewhere", *options(), "--out", tmp_path / "run")
    assert len(elsewhere(tmp_path / "first", *arguments, stop=STOP)) == STOP
    assert not (tmp_path / "run" / "student.safetensors").exists()
    elsewhere(tmp_path / "second", "resume", tmp_path / "run")
    student, expected = ((folder / "student.safetensors").read_bytes() for folder in (tmp_path / "run", whole[0]))
    assert student == expected


def test_what_is_kept_on_disk_is_found_there_too(whole, tmp_path):
    expected = load_file(whole[0] / "student.safetensors")
    for name, found in (("first", 0), ("second", 8)):
        settings = (*options('speed.cache="disk"'), "--out", tmp_path / name)
        elsewhere(tmp_path / "waits", "run", RECIPES / "paper.toml", "--device", "elsewhere", *settings)
        cache = json.loads((tmp_path / name / "manifest.json").read_text())["stages"][1]["kept_on_disk"]
        assert (cache["found"], cache["computed"]) == (found, 8 - found)
        student = load_file(tmp_path / name / "student.safetensors")
        assert all(torch.equal(student[key], expected[key]) for key in expected)
