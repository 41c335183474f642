"""Every rule of observers fails on an observer with that defect."""

import json
import threading
import time
from pathlib import Path

import pytest
import torch

import zerokd
from tests.testing.planted import failing
from zerokd.testing.collection import RULES_BY_KIND


class Good(zerokd.Observer):
    """Writes every step into a file of its own."""

    def run_start(self, folder, manifest):
        (folder / "observers").mkdir(exist_ok=True)
        self.file = (folder / "observers" / "steps.jsonl").open("w")

    def step_end(self, step):
        self.file.write(json.dumps(step) + "\n")

    def run_end(self, result, error):
        self.file.close()


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    """One defect is to write where it happens to stand."""
    monkeypatch.chdir(tmp_path)


def variant(**names):
    return type("Planted", (Good,), {"__doc__": "A test.", **names})


def elsewhere(self, folder, manifest):
    Good.run_start(self, folder, manifest)
    Path("log.txt").write_text("here")


def changes(self, step):
    Good.step_end(self, step)
    step.pop("terms", None)


def leaves_a_thread(self, result, error):
    self.file.close()
    threading.Thread(target=time.sleep, args=(0.5,), name="tracker").start()


PLANTED = {
    "survives": variant(
        run_end=lambda self, result, error: self.file.write(result["student"]["sha256"]) and self.file.close()
    ),
    "writes_in_its_place": variant(run_start=elsewhere),
    "leaves_what_it_is_given": variant(step_end=changes),
    "ends": variant(run_end=leaves_a_thread),
}


def test_a_good_observer_passes_everything():
    assert failing("observers", Good) == {}


def test_every_rule_has_its_defect():
    assert {rule.name for rule in RULES_BY_KIND["observers"]} == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_only_the_check_of_its_defect_fails(name):
    assert set(failing("observers", PLANTED[name])) == {name}


def test_an_open_file_and_a_random_number_are_seen():
    assert "files of the run open" in failing("observers", variant(run_end=lambda self, result, error: None))["ends"]

    def draws(self, step):
        torch.rand(1)

    assert "random generator" in failing("observers", variant(step_end=draws))["leaves_what_it_is_given"]
