"""What a GPU replays is what it recorded, on what it is given now."""

import pytest
import torch

from zerokd.training.compile.cuda_graph import CudaGraphStep

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def test_a_replay_computes_from_what_it_is_given_and_from_what_is_held_wherever_that_lies():
    held = torch.full((3,), 2.0, device="cuda")
    given = torch.arange(3.0, device="cuda")
    replayed = CudaGraphStep(lambda one: (held * one, one.sum()), [given], [held])
    first = replayed(given)
    second = replayed(given + 1)
    assert [one.tolist() for one in first] == [[0, 2, 4], 3]
    assert [one.tolist() for one in second] == [[2, 4, 6], 6]
    held.fill_(3.0)
    assert replayed(given)[0].tolist() == [0, 3, 6]
    held.data = torch.full((3,), 4.0, device="cuda")
    assert replayed(given)[0].tolist() == [0, 4, 8]


def test_draws_are_those_of_the_seed():
    given = torch.zeros(5, device="cuda")
    replayed = CudaGraphStep(lambda one: (one + torch.rand_like(one),), [given], [])
    torch.cuda.manual_seed(3)
    found = replayed(given)[0]
    torch.cuda.manual_seed(3)
    assert torch.equal(replayed(given)[0], found)
    assert not torch.equal(replayed(given)[0], found)


def test_what_waits_for_the_device_cannot_be_recorded_and_the_device_goes_on():
    given = torch.ones(3, device="cuda")
    with pytest.raises(RuntimeError):
        CudaGraphStep(lambda one: (one * one.sum().item(),), [given], [])
    torch.cuda.synchronize()
    assert CudaGraphStep(lambda one: (2 * one,), [given], [])(given)[0].tolist() == [2, 2, 2]


def test_a_state_moves_with_each_replay_and_not_with_the_recording():
    state, given = torch.zeros(1, device="cuda"), torch.ones(1, device="cuda")
    replayed = CudaGraphStep(lambda one: (state.add_(one) * 1,), [given], [state])
    assert state.item() == 0
    assert [replayed(given)[0].item() for _ in range(2)] == [1, 2]
