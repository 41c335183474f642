"""What is kept in memory: the smallest items first, of as many images as there is room for."""

import torch

from zerokd.objective.objective import NOTHING_CACHED, CachedTensors
from zerokd.training.frozen_cache.in_memory import CacheAllotment, MemoryStore

LOW = torch.zeros(1, 3, 2, 2)


def made(value):
    return CachedTensors(
        {"large": torch.full((1, 8), value), "small": torch.full((1, 2), value)},
        {"term": ((torch.full((1, 3), value), torch.full((1, 1), value)),)},
    )


def test_everything_is_kept_where_there_is_room():
    one = MemoryStore(2, 2 * 4 * 14)
    one.put("a", LOW, made(1.0))
    assert one.get("a", LOW).tensors["large"].tolist() == [[1.0] * 8]
    assert one.get("b", LOW) is NOTHING_CACHED
    assert one.memory_bytes() == 4 * 14
    one.release()
    assert one.get("a", LOW) is NOTHING_CACHED
    assert one.memory_bytes() == 0


def test_the_smallest_items_of_all_images_come_before_larger_ones_of_any():
    one = MemoryStore(3, 4 * (3 * 2 + 2 * 4 + 3))  # the small one of three images, what the term prepares of two
    for name in "abc":
        one.put(name, LOW, made(1.0))
    assert one.allotments == (
        CacheAllotment("small", 8, 3),
        CacheAllotment("term, prepared", 16, 2),
        CacheAllotment("large", 32, 0),
    )
    kept = [one.get(name, LOW) for name in "abc"]
    assert [[*each.tensors, *each.prepared_ports] for each in kept] == [["small", "term"], ["small", "term"], ["small"]]
    assert one.memory_bytes() <= one.max_bytes
