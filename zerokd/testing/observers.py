"""Rules for observers: they watch, write in their folder only, and leave nothing running."""

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
    """Show an observer a run of so many steps, and return it."""
    observer = subject.build()
    observer.run_start(folder, copy.deepcopy(SAMPLE_MANIFEST))
    for number in range(1, steps + 1):
        more = {"gradients": copy.deepcopy(SAMPLE_GRADIENTS)} if number % 2 == 0 else {}
        observer.step_end(copy.deepcopy(SAMPLE_STEP) | {"step": number} | more)
    observer.run_end(None if error else copy.deepcopy(SAMPLE_RESULT), error)
    return observer


@rule()
def survives(subject: Subject) -> None:
    """it survives a run of a few steps, one that stops with an error, and one without steps"""
    for steps, error in ((4, None), (3, "training stopped"), (0, None)):
        with TemporaryDirectory() as name:
            run_observer(subject, Path(name), steps, error)


@rule()
def writes_in_its_place(subject: Subject) -> None:
    """it writes only below the run folder's observers/"""
    with TemporaryDirectory() as name, TemporaryDirectory() as working_folder:
        previous = os.getcwd()
        os.chdir(working_folder)
        try:
            run_observer(subject, Path(name), 3)
        finally:
            os.chdir(previous)
        paths = sorted({*os.listdir(name), *os.listdir(working_folder)} - {"observers"})
        require(not paths, f"it wrote {', '.join(paths)}")


@rule()
def leaves_what_it_is_given(subject: Subject) -> None:
    """it does not modify its arguments, and draws no global random number"""
    manifest, step, result = copy.deepcopy(SAMPLE_MANIFEST), copy.deepcopy(SAMPLE_STEP), copy.deepcopy(SAMPLE_RESULT)
    before = torch.random.get_rng_state()
    with TemporaryDirectory() as name:
        observer = subject.build()
        observer.run_start(Path(name), manifest)
        observer.step_end(step)
        observer.run_end(result, None)
    require((manifest, step, result) == (SAMPLE_MANIFEST, SAMPLE_STEP, SAMPLE_RESULT), "it modifies its arguments")
    require(torch.equal(before, torch.random.get_rng_state()), "it draws from the global random generator")


@rule()
def ends(subject: Subject) -> None:
    """after run_end it has no thread running and no file of the run open"""
    with TemporaryDirectory() as name:
        before = set(threading.enumerate())
        observer = run_observer(subject, Path(name), 3)  # a reference, so that open files stay open
        running = [
            thread.name for thread in set(threading.enumerate()) - before if thread.is_alive() and not thread.daemon
        ]
        require(not running, f"threads still run: {', '.join(running)}")
        handles = Path("/proc/self/fd")
        paths = [os.path.realpath(thread) for thread in handles.iterdir()] if handles.exists() else []
        opened = [path for path in paths if path.startswith(os.path.realpath(name))]
        require(not opened, f"{type(observer).__name__} has files of the run open after run_end")


RULES = (survives, writes_in_its_place, leaves_what_it_is_given, ends)
