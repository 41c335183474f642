"""What an exporter promises: one file, the same each time, that gives the model's pixels; the model is left alone."""

from __future__ import annotations

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from zerokd.models.nano_dce import NanoDce
from zerokd.student.export import compare_with_pytorch
from zerokd.student.load import TrainedModel
from zerokd.testing.check import Subject, require, rule

STUDENT_FACTS: dict[str, Any] = {"recipe": "paper", "seed": 0, "architecture": {"use": "zerokd:nano_dce", "config": {}}}
CURVE_MAP_GAIN = 8.0  # the student's map, made strong enough that a lost layer shows


def make_student() -> NanoDce:
    """A student whose curve map is far from 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = NanoDce().eval()
    with torch.no_grad():
        model.e_conv3.point_conv.weight.mul_(CURVE_MAP_GAIN)
    return model


def write_student(exporter: Any, folder: str, model: NanoDce) -> Path:
    path = Path(folder) / f"student{exporter.suffix}"
    exporter.write(model, path, dict(STUDENT_FACTS))
    return path


@rule()
def suffix(subject: Subject) -> None:
    """its files have an ending"""
    ending = getattr(subject.build(), "suffix", "")
    require(re.fullmatch(r"\.[A-Za-z0-9]+", ending), f"suffix is {ending!r}, not something like .onnx")


@rule()
def same_pixels(subject: Subject) -> None:
    """what it writes gives the model's pixels within its tolerance, for any number of images of any size"""
    exporter, model = subject.build(), make_student()
    require(0 <= exporter.tolerance < 1, f"tolerance is {exporter.tolerance}, not in [0, 1)")
    with TemporaryDirectory() as folder:
        enhance = exporter.run(write_student(exporter, folder, model))
        compare_with_pytorch(TrainedModel(model, "", {}), enhance, exporter.tolerance)


@rule()
def one_file(subject: Subject) -> None:
    """it writes the one file that it is asked for, and nothing beside it or in the working directory"""
    exporter = subject.build()
    with TemporaryDirectory() as folder, TemporaryDirectory() as here:
        before = os.getcwd()
        os.chdir(here)
        try:
            path = write_student(exporter, folder, make_student())
        finally:
            os.chdir(before)
        found = sorted({*os.listdir(folder), *os.listdir(here)})
        require(found == [path.name], f"it wrote {', '.join(found) or 'nothing'}, not {path.name} alone")


@rule()
def same_bytes(subject: Subject) -> None:
    """the same model gives the same bytes"""
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        files = [write_student(subject.build(), folder, make_student()) for folder in (one, other)]
        require(files[0].read_bytes() == files[1].read_bytes(), "two files of the same model differ")


@rule()
def leaves_the_model(subject: Subject) -> None:
    """it changes nothing in the model, and draws no global random number"""
    model, exporter = make_student(), subject.build()
    before, drawn = {name: one.clone() for name, one in model.state_dict().items()}, torch.random.get_rng_state()
    with TemporaryDirectory() as folder:
        write_student(exporter, folder, model)
    after = model.state_dict()
    kept = all(torch.equal(one, after[name]) and one.dtype == after[name].dtype for name, one in before.items())
    require(kept and not model.training, "the model is not what it was")
    require(torch.equal(drawn, torch.random.get_rng_state()), "it draws from the global random generator")


RULES = (suffix, same_pixels, one_file, same_bytes, leaves_the_model)
