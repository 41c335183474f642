"""Adam for the numbers of terms that rest, against PyTorch's on one parameter each."""

import torch
from zerokd_weighting.adam import TermAdam


def test_against_pytorch_with_numbers_that_rest():
    generator = torch.Generator().manual_seed(1)
    ours, adam = torch.zeros(3), TermAdam(3)
    theirs = [torch.zeros((), requires_grad=True) for _ in range(3)]
    optimizer = torch.optim.Adam(theirs, lr=0.1)
    for step in range(12):
        positions = torch.tensor([index for index in range(3) if index == 0 or step % (index + 1) == 0])
        gradient = torch.randn(len(positions), generator=generator) * 10.0 ** -(step % 4)
        ours[positions] += adam.step(gradient, positions, 0.1)
        optimizer.zero_grad()
        for index, part in zip(positions.tolist(), gradient, strict=True):
            theirs[index].grad = part.clone()
        optimizer.step()
    torch.testing.assert_close(ours, torch.stack(theirs).detach(), rtol=1e-6, atol=1e-7)
    assert adam.updates.tolist() == [12.0, 6.0, 4.0]
