"""What is frozen is computed once for an image, within the memory that is allowed, and checked now and then."""

import pytest
import torch

from tests.objective.test_graph import count_forwards
from zerokd.errors import PluginError
from zerokd.losses import ssim
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe
from zerokd.recipe.schema.speed import SpeedConfig
from zerokd.training.frozen_cache.cache import CHECK_INTERVAL, FrozenCache, matches_recomputed
from zerokd.training.frozen_cache.in_memory import CacheAllotment

LOW = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
NAMES = ("a", "b", "c", "d")
PIXELS = 32 * 32
PREPARED = [
    4 * PIXELS // 8**2,
    4 * PIXELS // 4**2,
]  # bytes of the patches that exposure and spatial consistency prepare
SMALL = ("terms.distillation.perceptual.weight=0", "terms.distillation.structure.weight=0", "stages.distill.epochs=2")


CPU = torch.device("cpu")


def create_cache(build, *settings, max_bytes=2**30, images=4, mode="auto"):
    components = build(*SMALL, *settings)
    stage = components.stages[1]
    speed = SpeedConfig(cache=mode, cache_gib=max_bytes / 2**30)
    return components, FrozenCache(stage, probe(stage, components, Batch.from_images(LOW)), images, speed, CPU)


def test_a_teacher_runs_once_for_each_image_not_once_for_each_epoch(build):
    components, cache = create_cache(build)
    counts = count_forwards(components)
    first = cache.get_or_compute({"low": LOW}, NAMES)
    for order in ([3, 1], [0, 2], [2, 3]):
        again = cache.get_or_compute({"low": LOW[order]}, tuple(NAMES[row] for row in order))
        for name, tensor in again.tensors.items():
            assert torch.equal(tensor, first.tensors[name][order])
    assert counts["teacher"] == 4
    assert (cache.computed_count, cache.reused_count) == (4, 6)


def test_what_is_kept_has_the_size_that_its_shapes_have(build):
    """Two tensors of three channels, and three features averaged to one channel each: 36 bytes a pixel."""
    _, cache = create_cache(build)
    cache.get_or_compute({"low": LOW}, NAMES)
    assert sum(allotment.bytes_per_image for allotment in cache.allotments) == 36 * PIXELS + sum(PREPARED)
    assert cache.memory_bytes() == 4 * (36 * PIXELS + sum(PREPARED))


def test_a_stage_that_is_over_gives_its_memory_back(build):
    _, cache = create_cache(build)
    cache.get_or_compute({"low": LOW}, NAMES)
    assert cache.memory_bytes() > 0
    cache.release()
    assert cache.memory_bytes() == 0


def test_with_less_memory_the_smallest_are_kept_of_as_many_images_as_fit(build):
    max_bytes = (
        4 * sum(PREPARED) + 4 * 4 * PIXELS * 2 + 4 * PIXELS
    )  # two of the one-channel features for four images, the third for one
    _, cache = create_cache(build, max_bytes=max_bytes)
    whole = create_cache(build)[1].get_or_compute({"low": LOW}, NAMES)
    for _ in range(2):
        cached = cache.get_or_compute({"low": LOW}, NAMES)
        assert all(torch.equal(cached.tensors[name], tensor) for name, tensor in whole.tensors.items())
    assert [(allotment.bytes_per_image, allotment.image_count) for allotment in cache.allotments] == [
        *[(size, 4) for size in PREPARED],
        *[(4 * PIXELS, 4)] * 2,
        (4 * PIXELS, 1),
        *[(12 * PIXELS, 0)] * 2,
    ]
    assert cache.memory_bytes() <= max_bytes
    assert cache.computed_count == 8  # something of every image is missing


def test_nothing_is_kept_without_memory_of_augmented_images_or_in_a_single_epoch(build):
    augment = 'stages.distill.augment.gamma={use="random_gamma"}'
    for cache in (
        create_cache(build, max_bytes=0)[1],
        create_cache(build, augment)[1],
        create_cache(build, "stages.distill.epochs=1")[1],
    ):
        cache.get_or_compute({"low": LOW}, NAMES)
        cache.get_or_compute({"low": LOW}, NAMES)
        assert (cache.memory_bytes(), cache.reused_count, cache.computed_count) == (0, 0, 8)


@pytest.mark.parametrize("max_copy_bytes", [2**22, 0])
def test_what_losses_prepare_is_kept_too_and_stays_apart_where_it_is_large(build, monkeypatch, max_copy_bytes):
    monkeypatch.setattr("zerokd.training.frozen_cache.cache.MAX_COPY_BYTES", max_copy_bytes)
    _, cache = create_cache(build, "terms.distillation.structure.weight=0.05")
    first, second = cache.get_or_compute({"low": LOW}, NAMES), cache.get_or_compute({"low": LOW}, NAMES)
    assert set(first.prepared_ports) == {"distillation.structure", "task.spatial", "task.exposure"}
    parts = [cached.prepared_ports["distillation.structure"] for cached in (first, second)]
    assert [len(part) for part in parts] == ([1, 1] if max_copy_bytes else [4, 4])  # one for each image
    for computed, cached in zip(*parts, strict=True):
        assert all(torch.equal(*pair) for pair in zip(computed, cached, strict=True))
    expected = ssim.local_statistics(first.tensors["teacher.enhanced"], 11, 1.5)
    for place, tensor in enumerate(expected):
        torch.testing.assert_close(torch.cat([part[place] for part in parts[1]]), tensor, atol=1e-7, rtol=0)
    assert (cache.computed_count, cache.reused_count) == (4, 4)
    assert CacheAllotment("distillation.structure, prepared", 4 * 3 * (3 * PIXELS + 1), 4) in cache.allotments


def test_one_use_in_a_hundred_is_computed_again_and_a_teacher_that_changes_is_told(build):
    components, cache = create_cache(build)
    cache.get_or_compute({"low": LOW}, NAMES)
    for _ in range(CHECK_INTERVAL - 1):
        cache.get_or_compute({"low": LOW[:1]}, NAMES[:1])
    counts = count_forwards(components)
    cache.get_or_compute({"low": LOW[1:2]}, NAMES[1:2])
    assert counts["teacher"] == 1
    with torch.no_grad():
        components.models["teacher"].e_conv7.point_conv.bias.add_(0.1)
    for _ in range(CHECK_INTERVAL - 1):
        cache.get_or_compute({"low": LOW[:1]}, NAMES[:1])
    with pytest.raises(PluginError, match="of b differs from its first computation") as caught:
        cache.get_or_compute({"low": LOW[1:2]}, NAMES[1:2])
    assert 'cache = "off"' in str(caught.value)


def test_rounding_of_another_algorithm_is_no_change_but_a_change_is():
    cached = torch.rand(4, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    rounded = cached * (1 + 3e-5 * torch.randn_like(cached).sign())  # some elements differ by more than 1e-5
    assert not matches_recomputed(cached, rounded, tolerance=0.0)
    assert matches_recomputed(cached, rounded, tolerance=1e-4)
    assert not matches_recomputed(cached, cached + 1e-3, tolerance=1e-4)
    half = cached.bfloat16()
    assert matches_recomputed(half, torch.nextafter(half, half.new_tensor(2.0)), tolerance=1e-4)  # the last bit
    assert not matches_recomputed(half, half * 1.05, tolerance=1e-4)
    infinite = torch.tensor([1.0, float("inf"), float("nan")])
    assert matches_recomputed(infinite, infinite.clone(), tolerance=1e-4)
    assert not matches_recomputed(infinite, torch.ones(3), tolerance=1e-4)
    assert not matches_recomputed(torch.tensor([1, 2]), torch.tensor([1, 3]), tolerance=1e-4)


def test_what_is_not_finite_is_kept_as_it_is(build):
    components, cache = create_cache(build)
    with torch.no_grad():
        components.models["teacher"].e_conv7.point_conv.bias.fill_(float("nan"))
    cache.get_or_compute({"low": LOW}, NAMES)
    for _ in range(CHECK_INTERVAL):
        cached = cache.get_or_compute({"low": LOW[:1]}, NAMES[:1])
    assert torch.isnan(cached.tensors["teacher.enhanced"]).all()
