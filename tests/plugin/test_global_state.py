"""What is done aside leaves no trace."""

import random

import numpy as np
import pytest
import torch

from zerokd.plugin.global_state import is_flushing_subnormals, preserve_global_state


def drawn():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def seeded():
    random.seed(1), np.random.seed(2), torch.manual_seed(3)


def test_what_is_drawn_or_seeded_aside_is_not_missed():
    seeded()
    expected = drawn()
    seeded()
    with preserve_global_state():
        drawn()
        torch.manual_seed(99)
        np.random.seed(99)
    assert drawn() == expected


@pytest.mark.parametrize("fails", [False, True])
def test_settings_of_torch_are_as_they_were(fails):
    before = torch.get_num_threads(), torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()
    try:
        with preserve_global_state():
            torch.set_num_threads(before[0] + 1)
            torch.set_default_dtype(torch.float64)
            torch.use_deterministic_algorithms(not before[2])
            torch.set_grad_enabled(False)
            if fails:
                raise ValueError
    except ValueError:
        assert fails
    after = torch.get_num_threads(), torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()
    assert (after, torch.is_grad_enabled()) == (before, True)


@pytest.mark.parametrize("before", [False, True])
def test_the_mode_of_subnormal_numbers_is_as_it_was(before):
    torch.set_flush_denormal(before)
    with preserve_global_state():
        torch.set_flush_denormal(not before)
        assert is_flushing_subnormals() is not before
    assert is_flushing_subnormals() is before
    assert bool(torch.tensor(1e-39) * 0.5 == 0) is before
