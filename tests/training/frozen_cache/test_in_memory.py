"""What is kept in memory: the smallest items first, of as many images as there is room for."""

import torch

from zerokd.objective.cached_tensors import NOTHING_CACHED, CachedTensors
from zerokd.training.frozen_cache.in_memory import CacheAllotment, MemoryStore

LOW = torch.zeros(1, 3, 2, 2)


def create_cached(value):
    return CachedTensors(
        {"large": torch.full((1, 8), value), "small": torch.full((1, 2), value)},
        {"term": ((torch.full((1, 3), value), torch.full((1, 1), value)),)},
    )


def test_everything_is_kept_where_there_is_room():
    store = MemoryStore(2, 2 * 4 * 14)
    store.put("a", {"low": LOW}, create_cached(1.0))
    assert store.get("a", {"low": LOW}).tensors["large"].tolist() == [[1.0] * 8]
    assert store.get("b", {"low": LOW}) is NOTHING_CACHED
    assert store.memory_bytes() == 4 * 14
    store.release()
    assert store.get("a", {"low": LOW}) is NOTHING_CACHED
    assert store.memory_bytes() == 0


def test_the_smallest_items_of_all_images_come_before_larger_ones_of_any():
    store = MemoryStore(3, 4 * (3 * 2 + 2 * 4 + 3))  # the small one of three images, what the term prepares of two
    for name in "abc":
        store.put(name, {"low": LOW}, create_cached(1.0))
    assert store.allotments == (
        CacheAllotment("small", 8, 3),
        CacheAllotment("term, prepared", 16, 2),
        CacheAllotment("large", 32, 0),
    )
    images = [store.get(name, {"low": LOW}) for name in "abc"]
    assert [[*cached.tensors, *cached.prepared_ports] for cached in images] == [
        ["small", "term"],
        ["small", "term"],
        ["small"],
    ]
    assert store.memory_bytes() <= store.max_bytes
