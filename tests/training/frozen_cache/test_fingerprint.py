"""What is kept of an image is known again by all that decides its bits, and by nothing less."""

import importlib

import pytest
import torch

from zerokd.objective.objective import Objective
from zerokd.training.frozen_cache import fingerprint as module
from zerokd.training.frozen_cache.cacheable import CachePlan
from zerokd.training.frozen_cache.fingerprint import compute_fingerprint, hash_tensors

CPU = torch.device("cpu")
NO_VGG = "terms.distillation.perceptual.weight=0"


def fingerprint_of(build, *settings, change=lambda components: None):
    components = build(NO_VGG, *settings)
    change(components)
    stage = components.stages[1]
    objective = Objective.from_plan(stage, components)
    return compute_fingerprint(CachePlan(objective, objective.weights), CPU)


def brighter_teacher(components):
    with torch.no_grad():
        components.models["teacher"].e_conv7.point_conv.bias[0] += 1e-6


def another_file(components):
    components.models["teacher"].sources = {"weights": "teacher.onnx", "sha256": "ab" * 32}


def test_the_same_is_known_again_whatever_is_trained(build):
    first = fingerprint_of(build)
    assert len(first) == 64
    same = ["seed=5", "terms.task.color.weight=3.0", "stages.distill.epochs=7", "data.count=3", "params.alpha=0.3"]
    for setting in same:
        assert fingerprint_of(build, setting) == first, setting


def test_whatever_may_change_a_bit_makes_another(build, monkeypatch):
    first = fingerprint_of(build)
    for setting in (
        "models.teacher.iterations=7",
        "models.student.iterations=3",  # the teacher's map is converted to it
        "terms.distillation.structure.window=9",
        "terms.feature_matching.early.adapt=['adaptive_pool']",
        "terms.feature_matching.early.on.teacher='teacher.features.e_conv3'",
        "terms.contrastive.ema.on.positive='teacher.curve_map'",
    ):
        assert fingerprint_of(build, setting) != first, setting
    assert fingerprint_of(build, change=brighter_teacher) != first
    assert fingerprint_of(build, change=another_file) != first
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        assert fingerprint_of(build) != first
    finally:
        torch.set_num_threads(threads)
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    assert fingerprint_of(build) != first
    monkeypatch.delenv("MKL_CBWR")
    assert fingerprint_of(build) == first
    monkeypatch.setattr(module, "_installed_packages", lambda: ["torch==1.0"])
    assert fingerprint_of(build) != first


def test_code_counts_as_it_is_not_by_its_version(tmp_path, monkeypatch):
    package = tmp_path / "some_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text("A = 1\n")
    (tmp_path / "some_file.py").write_text("B = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("some_file", "some_package.inner"):
        importlib.import_module(name)

    def both():
        module._hash_package.cache_clear()
        return module._hash_package("some_package.inner"), module._hash_package("some_file")

    first = both()
    assert both() == first
    (package / "inner.py").write_text("A = 2\n")
    assert both()[0] != first[0]
    assert both()[1] == first[1]
    (tmp_path / "some_file.py").write_text("B = 2\n")
    assert both()[1] != first[1]


def test_code_that_lies_in_no_file_is_never_known_again(monkeypatch):
    monkeypatch.delattr("__main__.__file__", raising=False)
    module._hash_package.cache_clear()
    first = module._hash_package("__main__")
    module._hash_package.cache_clear()
    assert module._hash_package("__main__") != first


@pytest.mark.parametrize(
    "other",
    [
        torch.zeros(2, 3, 4, 4),
        torch.zeros(2, 4, 4, 4, dtype=torch.float64),
        torch.zeros(2, 4, 4, 4).to(memory_format=torch.channels_last),
        torch.zeros(2, 4, 4, 4).index_fill(1, torch.tensor([3]), 1e-9),
    ],
)
def test_tensors_are_told_apart_by_type_shape_layout_and_value(other):
    zeros = torch.zeros(2, 4, 4, 4)
    assert hash_tensors(zeros) == hash_tensors(zeros.clone()) != hash_tensors(other)
    assert hash_tensors(zeros, other) != hash_tensors(other, zeros)
