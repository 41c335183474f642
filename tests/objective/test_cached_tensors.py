"""Tensors that a call brings along are not computed again."""

import pytest
import torch

from tests.objective.by_hand import LOW, distilling
from zerokd.objective.cached_tensors import NOTHING_CACHED, CachedTensors


def test_a_cached_tensor_takes_the_place_of_its_computation():
    objective, student, teacher = distilling()
    runs = []
    teacher.register_forward_hook(lambda *_: runs.append(1))
    target = torch.zeros(4, 3, 8, 8)
    result = objective(LOW, cached=CachedTensors({"teacher.output": target}))
    torch.testing.assert_close(result.values["distillation.output"], student(LOW).square().flatten(1).mean(dim=1))
    assert runs == []


def test_nothing_cached_stays_empty():
    with pytest.raises(TypeError):
        NOTHING_CACHED.tensors["low"] = LOW
