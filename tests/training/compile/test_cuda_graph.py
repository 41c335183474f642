"""What a GPU replays is what it recorded, on what it is given now."""

import pytest
import torch

from zerokd.training.compile.cuda_graph import CudaGraphStep

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def test_a_replay_computes_from_what_it_is_given_and_from_what_is_held_wherever_that_lies():
    state_tensor = torch.full((3,), 2.0, device="cuda")
    example = torch.arange(3.0, device="cuda")
    step = CudaGraphStep(lambda tensor: (state_tensor * tensor, tensor.sum()), [example], [state_tensor])
    first = step(example)
    second = step(example + 1)
    assert [tensor.tolist() for tensor in first] == [[0, 2, 4], 3]
    assert [tensor.tolist() for tensor in second] == [[2, 4, 6], 6]
    state_tensor.fill_(3.0)
    assert step(example)[0].tolist() == [0, 3, 6]
    state_tensor.data = torch.full((3,), 4.0, device="cuda")
    assert step(example)[0].tolist() == [0, 4, 8]


def test_draws_are_those_of_the_seed():
    example = torch.zeros(5, device="cuda")
    step = CudaGraphStep(lambda tensor: (tensor + torch.rand_like(tensor),), [example], [])
    torch.cuda.manual_seed(3)
    drawn = step(example)[0]
    torch.cuda.manual_seed(3)
    assert torch.equal(step(example)[0], drawn)
    assert not torch.equal(step(example)[0], drawn)


def test_what_waits_for_the_device_cannot_be_recorded_and_the_device_goes_on():
    example = torch.ones(3, device="cuda")
    with pytest.raises(RuntimeError):
        CudaGraphStep(lambda tensor: (tensor * tensor.sum().item(),), [example], [])
    torch.cuda.synchronize()
    assert CudaGraphStep(lambda tensor: (2 * tensor,), [example], [])(example)[0].tolist() == [2, 2, 2]


def test_a_state_moves_with_each_replay_and_not_with_the_recording():
    state, example = torch.zeros(1, device="cuda"), torch.ones(1, device="cuda")
    step = CudaGraphStep(lambda tensor: (state.add_(tensor) * 1,), [example], [state])
    assert state.item() == 0
    assert [step(example)[0].item() for _ in range(2)] == [1, 2]
