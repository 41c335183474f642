"""Rules for exporters: one reproducible file that computes the model's pixels; the model stays unchanged."""

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
CURVE_MAP_GAIN = 8.0  # large enough that a missing layer shows


def make_student() -> NanoDce:
    """Build a student with a curve map far from 0."""
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
    """its files have a suffix"""
    ending = getattr(subject.build(), "suffix", "")
    require(re.fullmatch(r"\.[A-Za-z0-9]+", ending), f"suffix is {ending!r}, not something like .onnx")


@rule()
def same_pixels(subject: Subject) -> None:
    """its file computes the model's pixels within its tolerance, for any batch and image size"""
    exporter, model = subject.build(), make_student()
    require(0 <= exporter.tolerance < 1, f"tolerance is {exporter.tolerance}, not in [0, 1)")
    with TemporaryDirectory() as folder:
        enhance = exporter.run(write_student(exporter, folder, model))
        compare_with_pytorch(TrainedModel(model, "", {}), enhance, exporter.tolerance)


@rule()
def one_file(subject: Subject) -> None:
    """it writes the requested file and its companions, and nothing else beside it or in the working directory"""
    exporter = subject.build()
    with TemporaryDirectory() as folder, TemporaryDirectory() as working_folder:
        previous = os.getcwd()
        os.chdir(working_folder)
        try:
            path = write_student(exporter, folder, make_student())
        finally:
            os.chdir(previous)
        names = sorted({*os.listdir(folder), *os.listdir(working_folder)})
        expected = sorted(file.name for file in exporter.list_files(path))
        require(names == expected, f"it wrote {', '.join(names) or 'nothing'}, not {' and '.join(expected)}")


@rule()
def same_bytes(subject: Subject) -> None:
    """the same model gives the same bytes"""
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        for folder in (first, second):
            write_student(subject.build(), folder, make_student())
        for name in os.listdir(first):
            contents = [(Path(folder) / name).read_bytes() for folder in (first, second)]
            require(contents[0] == contents[1], f"two files {name} of the same model differ")


@rule()
def leaves_the_model(subject: Subject) -> None:
    """it does not modify the model, and draws no global random number"""
    model, exporter = make_student(), subject.build()
    before, random_state = (
        {name: weight.clone() for name, weight in model.state_dict().items()},
        torch.random.get_rng_state(),
    )
    with TemporaryDirectory() as folder:
        write_student(exporter, folder, model)
    after = model.state_dict()
    unchanged = all(
        torch.equal(weight, after[name]) and weight.dtype == after[name].dtype for name, weight in before.items()
    )
    require(unchanged and not model.training, "it modifies the model")
    require(torch.equal(random_state, torch.random.get_rng_state()), "it draws from the global random generator")


RULES = (suffix, same_pixels, one_file, same_bytes, leaves_the_model)
