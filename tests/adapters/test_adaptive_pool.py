"""Pooling to the smallest size, by hand and by block means."""

import torch

from zerokd import Signal
from zerokd.adapters.adaptive_pool import AdaptivePool


def test_the_larger_is_averaged_in_blocks_and_the_smaller_kept():
    student, teacher = torch.rand(2, 4, 3, 5), torch.rand(2, 32, 6, 10)
    adapted = AdaptivePool()({"student": student, "teacher": teacher})
    assert torch.equal(adapted["student"], student)
    torch.testing.assert_close(adapted["teacher"], teacher.view(2, 32, 3, 2, 5, 2).mean((3, 5)))


def test_height_and_width_may_come_from_different_tensors():
    tall, wide = torch.rand(1, 1, 4, 2), torch.rand(1, 1, 1, 6)
    adapted = AdaptivePool()({"student": tall, "teacher": wide})
    torch.testing.assert_close(adapted["student"], tall.mean(2, keepdim=True))
    torch.testing.assert_close(adapted["teacher"], wide.view(1, 1, 1, 2, 3).mean(4))


def test_size_that_does_not_divide_by_hand():
    adapted = AdaptivePool()(
        {"student": torch.zeros(1, 1, 1, 2), "teacher": torch.tensor([1.0, 2.0, 6.0]).view(1, 1, 1, 3)}
    )
    assert adapted["teacher"].flatten().tolist() == [1.5, 4.0]  # windows overlap in the middle


def test_three_tensors_share_one_size():
    tensors = {
        "student": torch.rand(1, 2, 8, 8),
        "positive": torch.rand(1, 2, 5, 7),
        "negative": torch.rand(1, 2, 6, 4),
    }
    assert {tuple(value.shape[2:]) for value in AdaptivePool()(tensors).values()} == {(5, 4)}


def test_describe_says_what_forward_returns():
    signals = {"student": Signal((4, 6, 5), (-1.0, 1.0), iterations=4), "teacher": Signal((32, 9, 3))}
    described = AdaptivePool().describe(signals)
    assert described == {"student": Signal((4, 6, 3), (-1.0, 1.0), iterations=4), "teacher": Signal((32, 6, 3))}
    adapted = AdaptivePool()({port: torch.rand(2, *signal.shape) for port, signal in signals.items()})
    assert {port: tuple(value.shape[1:]) for port, value in adapted.items()} == {
        port: signal.shape for port, signal in described.items()
    }
