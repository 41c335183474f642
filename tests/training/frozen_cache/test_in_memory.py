"""What is kept in memory: the smallest items first, of as many images as there is room for."""

import torch

from zerokd.objective.objective import NOTHING, Kept
from zerokd.training.frozen_cache.in_memory import InMemory, Share

LOW = torch.zeros(1, 3, 2, 2)


def made(value):
    return Kept(
        {"large": torch.full((1, 8), value), "small": torch.full((1, 2), value)},
        {"term": ((torch.full((1, 3), value), torch.full((1, 1), value)),)},
    )


def test_everything_is_kept_where_there_is_room():
    one = InMemory(2, 2 * 4 * 14)
    one.keep("a", LOW, made(1.0))
    assert one.known("a", LOW).tensors["large"].tolist() == [[1.0] * 8]
    assert one.known("b", LOW) is NOTHING
    assert one.bytes_held() == 4 * 14
    one.forget()
    assert one.known("a", LOW) is NOTHING
    assert one.bytes_held() == 0


def test_the_smallest_items_of_all_images_come_before_larger_ones_of_any():
    one = InMemory(3, 4 * (3 * 2 + 2 * 4 + 3))  # the small one of three images, what the term prepares of two
    for name in "abc":
        one.keep(name, LOW, made(1.0))
    assert one.shares == (Share("small", 8, 3), Share("term, prepared", 16, 2), Share("large", 32, 0))
    kept = [one.known(name, LOW) for name in "abc"]
    assert [[*each.tensors, *each.prepared] for each in kept] == [["small", "term"], ["small", "term"], ["small"]]
    assert one.bytes_held() <= one.room
