"""What an objective computes of an image alone is computed once for each image, as far as memory or disk allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from zerokd.errors import PluginError, Problem
from zerokd.files.cache import cache_folder
from zerokd.objective.objective import NOTHING_CACHED, CachedTensors, Objective, PreparedTensors
from zerokd.objective.precision import TF32_EPS
from zerokd.objective.stage_plan import StagePlan
from zerokd.proof.trial import equal_with_nan
from zerokd.recipe.schema.speed import SpeedConfig
from zerokd.training.frozen_cache.cacheable import CachePlan
from zerokd.training.frozen_cache.fingerprint import compute_fingerprint
from zerokd.training.frozen_cache.in_memory import CacheAllotment, MemoryStore, tensors_by_name
from zerokd.training.frozen_cache.on_disk import DiskStore

CHECK_INTERVAL = 100  # one in so many uses of what is kept is computed again and compared
CACHE_RTOL = 1e-4  # by how much of its norm that may differ where an image is not computed by itself; on a CPU it is
MAX_COPY_BYTES = 2**22  # bytes that a CPU copies sooner than it calls a loss once more for each image


class FrozenCache:
    """Keeps what is fixed of a stage's images in its ``store``; what has no room there is computed each time.

    On the CPU an image is computed by itself: then the layers of a network fit the processor's caches, and what is kept
    has the bits that it would have again. An image that is augmented does not come again, so nothing is kept of it.
    """

    def __init__(
        self, stage: StagePlan, objective: Objective, image_count: int, speed: SpeedConfig, device: torch.device
    ):
        steps = stage.clock.steps
        labels = [label for label in objective.weights if objective.computed_mask(label, steps).any()]
        self.plan = CachePlan(objective, labels, images_repeat=not stage.augmentations)
        self.is_empty = not self.plan.tensor_names and not self.plan.prepared_labels
        self.computed_count = self.reused_count = 0
        self.tolerance = 0.0 if device.type == "cpu" else TF32_EPS if speed.tf32 else CACHE_RTOL
        self.store: MemoryStore | DiskStore | None = None
        if self.is_empty or stage.augmentations or not speed.cache_bytes:
            return
        if speed.cache == "disk":
            self.store = DiskStore(
                cache_folder() / "targets", compute_fingerprint(self.plan, device), speed.cache_bytes
            )
        elif stage.epochs > 1:
            self.store = MemoryStore(image_count, speed.cache_bytes)

    def get_or_compute(self, low: Tensor, names: Sequence[str], use_store: bool = True) -> CachedTensors:
        """What the objective needs of these images (N, 3, H, W), by whose names it is kept.

        Raises:
            PluginError: something that was computed again is not what it was.
        """
        if self.is_empty:
            return NOTHING_CACHED
        images = low.split(1)
        parts = images if low.device.type == "cpu" else (low,)
        if not use_store:
            return _concatenate([self.plan.compute(part) for part in parts])
        held = [self.store.get(*one) for one in zip(names, images, strict=True)] if self.store else []
        size = len(images) // len(parts)
        own = [slice(at, at + size) for at in range(0, len(images), size)]
        return _concatenate(
            [self._get_or_compute_part(held[at], one, names[at]) for at, one in zip(own, parts, strict=True)]
        )

    @property
    def allotments(self) -> tuple[CacheAllotment, ...]:
        """What is kept of an image, and of how many."""
        return self.store.allotments if self.store else ()

    def memory_bytes(self) -> int:
        """Memory in use."""
        return self.store.memory_bytes() if self.store else 0

    def manifest_record(self) -> dict[str, Any]:
        """What a disk had of this stage, and what it has now, for the manifest."""
        if not isinstance(self.store, DiskStore):
            return {}
        store = self.store
        told = {"maker": store.fingerprint, "found": len(store.earlier_images), "computed": self.computed_count}
        return {"kept_on_disk": told | ({"trouble": store.write_error} if store.write_error else {})}

    def release(self) -> None:
        """Give the memory back: the stage is over."""
        if self.store:
            self.store.release()

    def _get_or_compute_part(self, cached: Sequence[CachedTensors], low: Tensor, names: Sequence[str]) -> CachedTensors:
        """What is known of images, made whole, and kept."""
        store, known = self.store, _concatenate_if_uniform(cached)
        if len(known.tensors) == len(self.plan.tensor_names) and len(known.prepared_ports) == len(
            self.plan.prepared_labels
        ):
            first = not self.reused_count and bool(store and store.earlier_images)  # of what another run left
            self.reused_count += len(names)
            if first or self.reused_count % CHECK_INTERVAL < len(names):
                self._verify(known, low, names)
            return known
        self.computed_count += len(names)
        made = self.plan.compute(low, known)
        for row, name in enumerate(names):
            if store and cached[row] is NOTHING_CACHED:
                store.put(name, low[row : row + 1], _select_image(made, row))
        return made

    def _verify(self, cached: CachedTensors, low: Tensor, names: Sequence[str]) -> None:
        """Hold what is kept of images to what is made of them now."""
        again = tensors_by_name(self.plan.compute(low))
        for name, each in tensors_by_name(cached).items():
            if not all(
                matches_recomputed(one, other, self.tolerance) for one, other in zip(each, again[name], strict=True)
            ):
                text = f"{name} of {', '.join(names)} is not what it was when it was computed first"
                hint = 'something that is frozen gives no image twice: [speed] cache = "off" computes it at each step'
                raise PluginError(Problem(text, hints=(hint,)))


def matches_recomputed(cached: Tensor, recomputed: Tensor, tolerance: float) -> bool:
    """Whether one computation gives both: by their bits, or as a whole and ``close`` to each other, as rounding leaves
    them where an image may be computed among others, by another algorithm."""
    if equal_with_nan(cached, recomputed):
        return True
    if not tolerance or not cached.is_floating_point():
        return False
    away, size = (torch.linalg.vector_norm(one.float()) for one in (recomputed - cached, cached))
    return bool(away <= max(tolerance, torch.finfo(cached.dtype).eps) * size)


def _select_image(cached: CachedTensors, row: int) -> CachedTensors:
    """One image's part, without the memory of the others'."""

    def of(tensor: Tensor) -> Tensor:
        return tensor if len(tensor) == 1 else tensor[row : row + 1].clone()

    prepared = {label: (tuple(map(of, each)),) for label, (each,) in cached.prepared_ports.items()}
    return CachedTensors({name: of(one) for name, one in cached.tensors.items()}, prepared)


def _concatenate(parts: Sequence[CachedTensors]) -> CachedTensors:
    """What is kept of several images, as one batch. What is prepared stays apart on a CPU where it is large: a copy
    would cost more than going image by image."""
    if len(parts) == 1:
        return parts[0]
    tensors = {name: torch.cat([one.tensors[name] for one in parts]) for name in parts[0].tensors}
    prepared = {
        label: tuple(part for one in parts for part in one.prepared_ports[label]) for label in parts[0].prepared_ports
    }
    return CachedTensors(
        tensors, {label: each if _is_large(each) else _concatenate_prepared(each) for label, each in prepared.items()}
    )


def _concatenate_if_uniform(parts: Sequence[CachedTensors]) -> CachedTensors:
    """What is kept of images as one batch, if the same is kept of all of them."""
    if len(parts) == 1:
        return parts[0]
    return (
        _concatenate(parts) if len({(*part.tensors, *part.prepared_ports) for part in parts}) == 1 else NOTHING_CACHED
    )


def _is_large(parts: Sequence[PreparedTensors]) -> bool:
    """Whether what was prepared, of as many images in each part, is too much to be copied."""
    return len(parts) * sum(part.nbytes for part in parts[0]) > MAX_COPY_BYTES and parts[0][0].device.type == "cpu"


def _concatenate_prepared(parts: Sequence[PreparedTensors]) -> tuple[PreparedTensors, ...]:
    return (tuple(torch.cat(each) for each in zip(*parts, strict=True)),)
