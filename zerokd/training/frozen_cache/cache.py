"""The cache of a stage: what the objective computes of an image alone is computed once, as far as memory or disk
allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from typing_extensions import TypedDict

from zerokd.errors import PluginError, Problem
from zerokd.files.cache import cache_folder
from zerokd.objective.autocast import TF32_EPS
from zerokd.objective.cached_tensors import NOTHING_CACHED, CachedTensors, PreparedTensors
from zerokd.objective.objective import Objective
from zerokd.objective.stage_plan import StagePlan
from zerokd.proof.trial import equal_with_nan
from zerokd.recipe.schema.speed import SpeedConfig
from zerokd.training.frozen_cache.cacheable import CachePlan
from zerokd.training.frozen_cache.fingerprint import compute_fingerprint
from zerokd.training.frozen_cache.in_memory import CacheAllotment, Images, MemoryStore, tensors_by_name
from zerokd.training.frozen_cache.on_disk import DiskStore

CHECK_INTERVAL = 100  # one of so many uses of cached tensors is computed again and compared
CACHE_RTOL = 1e-4  # relative difference allowed off the CPU, where an image is computed among others
MAX_COPY_BYTES = 2**22  # a CPU copies fewer bytes faster than it calls a loss once more per image


class DiskCacheRecord(TypedDict, total=False):
    """The disk cache of a stage for the manifest: fingerprint, images found and computed, and a write error."""

    maker: str
    found: int
    computed: int
    trouble: str


class CacheRecord(TypedDict, total=False):
    """The cache of a stage for the manifest; empty without a disk cache."""

    kept_on_disk: DiskCacheRecord


class FrozenCache:
    """Caches what is fixed of a stage's images in ``store``, and computes what the store lacks.

    On a CPU each image is computed alone: a network's layers then fit the processor's caches, and cached tensors have
    the bits that they would have again. Augmented images do not repeat and are not stored.
    """

    def __init__(
        self, stage: StagePlan, objective: Objective, image_count: int, speed: SpeedConfig, device: torch.device
    ):
        steps = stage.clock.steps
        labels = [label for label in objective.weights if objective.computed_mask(label, steps).any()]
        self.plan = CachePlan(objective, labels, images_repeat=not stage.augmentations)
        self.computed_count = self.reused_count = 0
        self.tolerance = 0.0 if device.type == "cpu" else TF32_EPS if speed.tf32 else CACHE_RTOL
        self.store: MemoryStore | DiskStore | None = None
        if self.plan.is_empty or stage.augmentations or not speed.cache_bytes:
            return
        if speed.cache == "disk":
            fingerprint = compute_fingerprint(self.plan, device)
            self.store = DiskStore(cache_folder() / "targets", fingerprint, speed.cache_bytes)
        elif stage.epochs > 1:
            self.store = MemoryStore(image_count, speed.cache_bytes)

    def get_or_compute(
        self, inputs: Mapping[str, Tensor], names: Sequence[str], use_store: bool = True
    ) -> CachedTensors:
        """What the objective needs of images (N, C, H, W) by signal, which the store knows by ``names``.

        Raises:
            PluginError: a cached tensor differs from the same tensor computed again.
        """
        if self.plan.is_empty:
            return NOTHING_CACHED
        used = {name: inputs[name] for name in sorted(self.plan.inputs)}
        images = _split_images(used)
        parts = images if _is_on_cpu(used) else [used]
        if not use_store:
            return _concatenate([self.plan.compute(part) for part in parts])
        stored = [self.store.get(*pair) for pair in zip(names, images, strict=True)] if self.store else []
        size = len(images) // len(parts)
        rows = [slice(start, start + size) for start in range(0, len(images), size)]
        return _concatenate(
            [self._get_or_compute_part(stored[row], part, names[row]) for row, part in zip(rows, parts, strict=True)]
        )

    @property
    def allotments(self) -> tuple[CacheAllotment, ...]:
        """What is stored of an image, and of how many images."""
        return self.store.allotments if self.store else ()

    def memory_bytes(self) -> int:
        """Memory in use."""
        return self.store.memory_bytes() if self.store else 0

    def manifest_record(self) -> CacheRecord:
        """What the disk cache held before this stage and holds now."""
        if not isinstance(self.store, DiskStore):
            return {}
        store = self.store
        record = DiskCacheRecord(maker=store.fingerprint, found=len(store.earlier_images), computed=self.computed_count)
        if store.write_error:
            record["trouble"] = store.write_error
        return {"kept_on_disk": record}

    def release(self) -> None:
        """Free the memory at the end of the stage."""
        if self.store:
            self.store.release()

    def _get_or_compute_part(
        self, stored: Sequence[CachedTensors], part: Images, names: Sequence[str]
    ) -> CachedTensors:
        """Complete what is stored of some images, and store it."""
        store, cached = self.store, _concatenate_if_uniform(stored)
        if self.plan.is_complete(cached):
            is_first_of_other_run = not self.reused_count and bool(store and store.earlier_images)
            self.reused_count += len(names)
            if is_first_of_other_run or self.reused_count % CHECK_INTERVAL < len(names):
                self._verify(cached, part, names)
            return cached
        self.computed_count += len(names)
        computed = self.plan.compute(part, cached)
        for row, (name, image) in enumerate(zip(names, _split_images(part), strict=True)):
            if store and stored[row] is NOTHING_CACHED:
                store.put(name, image, _select_image(computed, row))
        return computed

    def _verify(self, cached: CachedTensors, part: Images, names: Sequence[str]) -> None:
        """Compare cached tensors with the same tensors computed now."""
        recomputed = tensors_by_name(self.plan.compute(part))
        for name, tensors in tensors_by_name(cached).items():
            pairs = zip(tensors, recomputed[name], strict=True)
            if not all(matches_recomputed(*pair, self.tolerance) for pair in pairs):
                text = f"{name} of {', '.join(names)} differs from its first computation"
                hint = 'a frozen component is not deterministic: [speed] cache = "off" computes it at each step'
                raise PluginError(Problem(text, hints=(hint,)))


def _split_images(inputs: Images) -> list[Images]:
    """Each image by itself, (1, C, H, W) by signal."""
    rows = zip(*(tensor.split(1) for tensor in inputs.values()), strict=True)
    return [dict(zip(inputs, row, strict=True)) for row in rows]


def _is_on_cpu(inputs: Images) -> bool:
    return all(tensor.device.type == "cpu" for tensor in inputs.values())


def matches_recomputed(cached: Tensor, recomputed: Tensor, tolerance: float) -> bool:
    """Whether two tensors are the same computation: equal bits or, with a ``tolerance``, a difference of at most that
    share of the norm, as another batch size or algorithm rounds."""
    if equal_with_nan(cached, recomputed):
        return True
    if not tolerance or not cached.is_floating_point():
        return False
    difference, norm = (torch.linalg.vector_norm(tensor.float()) for tensor in (recomputed - cached, cached))
    return bool(difference <= max(tolerance, torch.finfo(cached.dtype).eps) * norm)


def _select_image(cached: CachedTensors, row: int) -> CachedTensors:
    """The part of one image, without the memory of the others."""

    def select(tensor: Tensor) -> Tensor:
        return tensor if len(tensor) == 1 else tensor[row : row + 1].clone()

    prepared = {label: (tuple(map(select, part)),) for label, (part,) in cached.prepared_ports.items()}
    return CachedTensors({name: select(tensor) for name, tensor in cached.tensors.items()}, prepared)


def _concatenate(images: Sequence[CachedTensors]) -> CachedTensors:
    """The cached tensors of several images as one batch. Large prepared tensors stay apart on a CPU: a copy would take
    longer than calling the loss image by image."""
    if len(images) == 1:
        return images[0]
    tensors = {name: torch.cat([image.tensors[name] for image in images]) for name in images[0].tensors}
    prepared = {}
    for label in images[0].prepared_ports:
        parts = tuple(part for image in images for part in image.prepared_ports[label])
        prepared[label] = parts if _is_large(parts) else _concatenate_prepared(parts)
    return CachedTensors(tensors, prepared)


def _concatenate_if_uniform(images: Sequence[CachedTensors]) -> CachedTensors:
    """The cached tensors of several images as one batch; nothing if their items differ."""
    if len(images) == 1:
        return images[0]
    item_sets = {(*image.tensors, *image.prepared_ports) for image in images}
    return _concatenate(images) if len(item_sets) == 1 else NOTHING_CACHED


def _is_large(parts: Sequence[PreparedTensors]) -> bool:
    """Whether prepared tensors, of as many images in each part, are too large to copy."""
    return len(parts) * sum(tensor.nbytes for tensor in parts[0]) > MAX_COPY_BYTES and parts[0][0].device.type == "cpu"


def _concatenate_prepared(parts: Sequence[PreparedTensors]) -> tuple[PreparedTensors, ...]:
    return (tuple(torch.cat(tensors) for tensors in zip(*parts, strict=True)),)
