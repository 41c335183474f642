"""What an observer promises: it watches, writes only where it may, and leaves nothing behind that runs."""

from __future__ import annotations

import copy
import os
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from zerokd.testing.check import Subject, require, rule

SAMPLE_TERM = {"value": 0.2, "weight": 0.5, "contribution": 0.1}
SAMPLE_STEP: dict[str, Any] = {
    "kind": "step",
    "stage": "distill",
    "epoch": 0,
    "step": 1,
    "total": 0.1,
    "learning_rate": 1e-3,
    "gradient_norm": 0.5,
    "terms": {"task.color": SAMPLE_TERM, "distillation.enhanced": SAMPLE_TERM},
}
SAMPLE_GRADIENTS = {
    "terms": {"task.color": {"norm": 1.0, "share": 0.5}, "distillation.enhanced": {"norm": 1.0, "share": 0.5}},
    "labels": ["task.color", "distillation.enhanced"],
    "cosines": [[1.0, -0.5], [-0.5, 1.0]],
}
SAMPLE_MANIFEST: dict[str, Any] = {
    "recipe": "paper",
    "command": ["run", "recipes/paper.toml"],
    "seed": 0,
    "device": "cpu",
    "stages": [{"name": "distill", "objective": "task + distillation", "epochs": 1, "steps": 3}],
}
SAMPLE_RESULT = {
    "seconds": 1.0,
    "student": {"sha256": "00", "parameters": 161},
    "fidelity": {"student to teacher": 20.0},
}


def run_observer(subject: Subject, folder: Path, steps: int, error: str | None = None) -> Any:
    """An observer that has seen a run of so many steps."""
    one = subject.build()
    one.run_start(folder, copy.deepcopy(SAMPLE_MANIFEST))
    for number in range(1, steps + 1):
        more = {"gradients": copy.deepcopy(SAMPLE_GRADIENTS)} if number % 2 == 0 else {}
        one.step_end(copy.deepcopy(SAMPLE_STEP) | {"step": number} | more)
    one.run_end(None if error else copy.deepcopy(SAMPLE_RESULT), error)
    return one


@rule()
def survives(subject: Subject) -> None:
    """a run of some steps, one that stops with an error, and one without any step are watched to their end"""
    for steps, error in ((4, None), (3, "training stopped"), (0, None)):
        with TemporaryDirectory() as name:
            run_observer(subject, Path(name), steps, error)


@rule()
def writes_in_its_place(subject: Subject) -> None:
    """it writes only below the run folder's observers/"""
    with TemporaryDirectory() as name, TemporaryDirectory() as here:
        before = os.getcwd()
        os.chdir(here)
        try:
            run_observer(subject, Path(name), 3)
        finally:
            os.chdir(before)
        found = sorted({*os.listdir(name), *os.listdir(here)} - {"observers"})
        require(not found, f"it wrote {', '.join(found)}")


@rule()
def leaves_what_it_is_given(subject: Subject) -> None:
    """it changes nothing that it is given, and draws no global random number"""
    manifest, step, result = copy.deepcopy(SAMPLE_MANIFEST), copy.deepcopy(SAMPLE_STEP), copy.deepcopy(SAMPLE_RESULT)
    before = torch.random.get_rng_state()
    with TemporaryDirectory() as name:
        one = subject.build()
        one.run_start(Path(name), manifest)
        one.step_end(step)
        one.run_end(result, None)
    require((manifest, step, result) == (SAMPLE_MANIFEST, SAMPLE_STEP, SAMPLE_RESULT), "it changes what it is given")
    require(torch.equal(before, torch.random.get_rng_state()), "it draws from the global random generator")


@rule()
def ends(subject: Subject) -> None:
    """after run_end no thread of it runs, and no file of the run is open"""
    with TemporaryDirectory() as name:
        before = set(threading.enumerate())
        kept = run_observer(subject, Path(name), 3)  # what is open closes when nobody holds it any more
        left = [one.name for one in set(threading.enumerate()) - before if one.is_alive() and not one.daemon]
        require(not left, f"threads go on: {', '.join(left)}")
        handles = Path("/proc/self/fd")
        paths = [os.path.realpath(one) for one in handles.iterdir()] if handles.exists() else []
        opened = [path for path in paths if path.startswith(os.path.realpath(name))]
        require(not opened, f"files of the run are open after run_end of {type(kept).__name__}")


RULES = (survives, writes_in_its_place, leaves_what_it_is_given, ends)
