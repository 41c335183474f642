"""The channel mean, by hand."""

import torch

from zerokd import Signal
from zerokd.adapters.gap import Gap


def test_channels_become_their_mean():
    student = torch.tensor([[1.0, 2.0], [5.0, 8.0]]).view(1, 2, 1, 2)
    teacher = torch.tensor([3.0, -1.0]).view(1, 1, 1, 2)
    adapted = Gap()({"student": student, "teacher": teacher})
    assert adapted["student"].tolist() == [[[[3.0, 5.0]]]]
    assert torch.equal(adapted["teacher"], teacher)


def test_equal_channel_counts_are_averaged_too():
    adapted = Gap()({"student": torch.rand(2, 4, 3, 3), "teacher": torch.rand(2, 4, 3, 3)})
    assert {value.shape for value in adapted.values()} == {(2, 1, 3, 3)}


def test_describe_says_what_forward_returns():
    signals = {"student": Signal((4, 6, 5), (-1.0, 1.0), iterations=4), "teacher": Signal((32, 9, 5))}
    described = Gap().describe(signals)
    assert described == {"student": Signal((1, 6, 5), (-1.0, 1.0)), "teacher": Signal((1, 9, 5))}
    adapted = Gap()({port: torch.rand(2, *signal.shape) for port, signal in signals.items()})
    assert {port: tuple(value.shape[1:]) for port, value in adapted.items()} == {
        port: signal.shape for port, signal in described.items()
    }


def test_gradient_reaches_every_channel_alike():
    student = torch.rand(1, 4, 2, 2, requires_grad=True)
    Gap()({"student": student})["student"].sum().backward()
    assert torch.equal(student.grad, torch.full((1, 4, 2, 2), 0.25))
