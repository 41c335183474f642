"""Rules for stages: known roles, and inputs that depend on each image alone."""

from __future__ import annotations

import torch
from torch import Tensor

from zerokd.plugin.batch import Batch
from zerokd.testing.check import Subject, require, rule
from zerokd.testing.inputs import noise
from zerokd.testing.losses_and_metrics import require_close

ROLES = ("student", "teacher", "ema")


def _make_batch(subject: Subject) -> Batch:
    """Three images of noise, with every signal of the data that the stage reads."""
    images = noise((3, 3, 12, 10)).float()
    return Batch(dict.fromkeys(("low", *subject.component.data_signals), images), ("a", "b", "c"))


@rule()
def roles(subject: Subject) -> None:
    """reads and needs are student, teacher or ema; it reads what it needs, and needs the student"""
    reads, needs = subject.component.reads, subject.component.needs
    unknown = sorted({*reads, *needs} - set(ROLES))
    require(not unknown, f"unknown roles {unknown}: the roles are {', '.join(ROLES)}")
    require(set(needs) <= set(reads), f"it needs {sorted(set(needs) - set(reads))} and does not read it")
    require("student" in needs, "it does not need the student: nothing would train")


@rule()
def inputs(subject: Subject) -> None:
    """inputs() returns low and other finite tensors (N, ...), is deterministic, and modifies nothing"""
    batch = _make_batch(subject)
    before, state = batch.low.clone(), torch.random.get_rng_state()
    inputs = subject.build().inputs(batch)
    require(torch.equal(batch.low, before), "it writes to the batch")
    require(torch.equal(state, torch.random.get_rng_state()), "it draws from the global random generator")
    require("low" in inputs, f"it has no input named low, only {', '.join(inputs)}")
    again = subject.build().inputs(batch)
    for name, tensor in inputs.items():
        require(isinstance(tensor, Tensor) and len(tensor) == 3, f"{name} is not a tensor of the batch's length")
        require(torch.isfinite(tensor).all(), f"{name} is not finite")
        require_close(again[name], tensor, f"another {name} when repeated", 0.0)


@rule()
def image_alone(subject: Subject) -> None:
    """an image's inputs do not depend on the rest of its batch"""
    batch = _make_batch(subject)
    for name, tensor in subject.build().inputs(batch).items():
        alone = torch.cat([subject.build().inputs(batch.select(slice(i, i + 1)))[name] for i in range(3)])
        require_close(alone, tensor, f"{name} of images one by one and as a batch")


RULES = (roles, inputs, image_alone)
