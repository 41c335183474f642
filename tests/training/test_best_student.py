"""The best student of a stage so far."""

import torch
from torch import nn

from zerokd.objective.selection import Selection
from zerokd.training.best_student import BestStudent


def best_after(values, better="higher", patience=0):
    student = nn.Linear(1, 1)
    best = BestStudent(student, Selection("best", 1, "truth", better, patience))
    for step, value in enumerate(values, start=1):
        nn.init.constant_(student.weight, step)
        best.offer(value, step)
    return best


def test_the_first_of_equal_values_and_the_good_direction():
    best = best_after([1.0, 3.0, 3.0, 2.0])
    assert (best.value, best.step, best.misses) == (3.0, 2, 2)
    assert best.tensors["weight"].item() == 2.0  # a copy: the student has moved on
    assert best_after([3.0, 1.0, 2.0], better="lower").step == 2


def test_patience_counts_measurements_since_the_best():
    assert not best_after([1.0, 0.5], patience=2).is_exhausted
    assert best_after([1.0, 0.5, 0.7], patience=2).is_exhausted
    assert not best_after([1.0, 0.5, 1.5], patience=2).is_exhausted
    assert not best_after([1.0, 0.5, 0.7, 0.1]).is_exhausted  # 0: never


def test_a_failed_measurement_is_no_better():
    best = best_after([None, 1.0, None])
    assert (best.step, best.misses) == (2, 1)
    assert best_after([None, None], patience=2).tensors == {}


def test_it_comes_back_from_its_tensors():
    first, second = best_after([1.0, 3.0, 2.0], patience=2), best_after([])
    state = first.state_dict()
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    second.load_state_dict(state)
    assert (second.value, second.step, second.misses) == (3.0, 2, 1)
    assert second.tensors["weight"].item() == 2.0
    empty = best_after([])
    empty.load_state_dict(best_after([]).state_dict())
    assert empty.tensors == {}
    assert empty.offer(-5.0, 1)
