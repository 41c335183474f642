"""Low-light images of dead-leaves scenes: training data without download or licence."""

from __future__ import annotations

from typing import Annotated, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from zerokd import Data, DataConfig
from zerokd.data.leaf_scene import render_leaf_scene

DISPLAY_GAMMA = 2.2
Stops = Annotated[float, Field(ge=0.0, le=12.0)]


def expose(rng: np.random.Generator, light: np.ndarray, stops: float, noise: float) -> np.ndarray:
    """The photo of linear ``light`` (H, W, 3), uint8: exposure by ``stops``, highlight shoulder, noise, display gamma.

    The noise variance has a photon part, which grows with the signal, and a constant one; ``noise`` scales its root.
    """
    signal = 1 - np.exp(-light * np.float32(2.0**stops))
    photon, readout = (10 ** rng.uniform((-4.3, -3.3), (-3.0, -2.5))).astype(np.float32)
    spread = np.float32(noise) * np.sqrt(photon * signal + readout**2)
    signal += spread * rng.standard_normal(light.shape, np.float32)
    return np.rint(255 * np.clip(signal, 0, 1) ** np.float32(1 / DISPLAY_GAMMA)).astype(np.uint8)


@final
class DeadLeaves(Data):
    """Dead-leaves scenes, mostly under-exposed, some well exposed or too bright.

    Opaque shapes with radii of density r^-3 occlude one another: edges at every scale and the 1/f^2 power spectrum of
    natural images. Palette, shading, grain, sky, shadows and lamps are this project's. Exposures are mixed as in the
    training set of Zero-DCE, with more dark ones. Image i depends on seed, size and i alone. Terms may read ``low_2``,
    a second photo of the scene with the same exposure and other noise, and ``reference``, the well-lit one without it.
    Source: Lee, Mumford, Huang: Occlusion models for natural images, IJCV 2001; as training data: Baradad et al.:
    Learning to see by looking at noise, NeurIPS 2021.

    Example:
        >>> data = DeadLeaves(count=2, size=32)
        >>> data[0].shape, data[0].dtype, data.name(1)
        (torch.Size([3, 32, 32]), torch.uint8, 'dead_leaves/1')
    """

    class Config(DataConfig):
        count: int = Field(64, ge=1, le=100_000, description="number of scenes")
        seed: int = Field(0, ge=0, description="determines the scenes")
        darkness: tuple[Stops, Stops] = Field((2.0, 7.0), description="under-exposure of dark scenes, stops, 0 to 12")
        lit: float = Field(0.25, ge=0.0, le=1.0, description="share of scenes 2 stops under- to 3 over-exposed instead")
        noise: float = Field(1.0, ge=0.0, le=10.0, description="strength of the camera noise; 0 is none")

    signals = ("low", "low_2", "reference")
    low_signals = ("low", "low_2")

    def __init__(self, **options: object):
        super().__init__(**options)
        self._cached_pairs: dict[int, tuple[Tensor, Tensor]] = {}
        self._cached_twins: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return self.config.count

    def __getitem__(self, index: int) -> Tensor:
        return self._get_pair(index)[0]

    def name(self, index: int) -> str:
        return f"dead_leaves/{index}"

    def reference(self, index: int) -> Tensor:
        return self._get_pair(index)[1]

    def tensor(self, index: int, signal: str) -> Tensor:
        if signal != "low_2":
            return super().tensor(index, signal)
        if index not in self._cached_twins:
            light, stops, _ = self._render(index)
            rng = np.random.default_rng((self.config.seed, index, 2))
            self._cached_twins[index] = _to_tensor(expose(rng, light, stops, self.config.noise))
        return self._cached_twins[index]

    def _render(self, index: int) -> tuple[np.ndarray, float, np.random.Generator]:
        """The light of a scene, its exposure in stops, and the generator that draws its noise."""
        rng = np.random.default_rng((self.config.seed, index))
        light = render_leaf_scene(rng, self.config.size)
        stops = rng.uniform(-2, 3) if rng.random() < self.config.lit else -rng.uniform(*self.config.darkness)
        return light, stops, rng

    def _get_pair(self, index: int) -> tuple[Tensor, Tensor]:
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} scenes, 0 to {len(self) - 1}; got {index}")
        if index not in self._cached_pairs:
            light, stops, rng = self._render(index)
            low, well_lit = expose(rng, light, stops, self.config.noise), expose(rng, light, 0.0, 0.0)
            self._cached_pairs[index] = _to_tensor(low), _to_tensor(well_lit)
        return self._cached_pairs[index]


def _to_tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).contiguous()
