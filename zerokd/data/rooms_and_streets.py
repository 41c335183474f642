"""Rooms and streets drawn by code: training data with lamps, windows, people and nights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, final

import numpy as np
import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from zerokd import Data, DataConfig
from zerokd.data.dead_leaves import Stops
from zerokd.data.ray_cast.renderer import Scene, render_scene
from zerokd.data.ray_cast.room_scene import build_back_lit_room, build_lamp_room
from zerokd.data.ray_cast.sensor import meter_light, take_photo
from zerokd.data.ray_cast.street_scene import build_street

SceneKind = Literal["lamp_room", "back_lit_room", "street"]
BUILDERS: dict[SceneKind, tuple[Callable[[np.random.Generator], Scene], float]] = {
    "lamp_room": (build_lamp_room, 0.20),
    "back_lit_room": (build_back_lit_room, 0.20),
    "street": (build_street, 0.12),
}  # and the log-average luminance of the well-lit photo
SAMPLE_SCENES: tuple[tuple[str, SceneKind, int, float], ...] = (
    ("A desk lamp", "lamp_room", 5, -4.0),
    ("Before a window", "back_lit_room", 13, -3.0),
    ("A street at night", "street", 13, -3.0),
)
SAMPLE_SEED, SAMPLE_GAIN, SAMPLE_READ_NOISE = 20, 4e-4, 3.0
Gain = Annotated[float, Field(ge=0.0, le=0.1)]


def _require_order(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError(f"the first number is larger than the second: {ends[0]:g} > {ends[1]:g}")
    return ends


def draw_light(kind: SceneKind, seed: tuple[int, ...], height: int, width: int) -> np.ndarray:
    """The linear light (H, W, 3) of a scene, float32; its well-lit photo needs no exposure compensation."""
    build, key = BUILDERS[kind]
    return meter_light(render_scene(build(np.random.default_rng(seed)), height, width), key)


def draw_sample_photos(size: int = 360) -> list[tuple[str, np.ndarray]]:
    """Three dark photos to try a student on: names, and RGB images (size, size, 3), uint8; always the same."""
    photos = []
    for name, kind, number, stops in SAMPLE_SCENES:
        light = draw_light(kind, (SAMPLE_SEED, number), size, size)
        photos.append((name, take_photo(np.random.default_rng(number), light, stops, SAMPLE_GAIN, SAMPLE_READ_NOISE)))
    return photos


@final
class RoomsAndStreets(Data):
    """Rooms by lamplight, people before windows, streets by night; mostly under-exposed.

    A ray caster computes each scene's linear light: lamps whose light falls with the squared distance, windows as area
    lights, sun through panes, soft shadows, ambient light, wet asphalt, glare of the lens. A sensor of given gain
    photographs it with photon and read noise. Image i depends on seed, size, kinds and i alone. Terms may read
    ``low_2``, a second photo with the same exposure and other noise, and ``reference``, the well-lit one without noise;
    :meth:`light` is the linear light that all three show. An image of 256x256 pixels takes half a second to a second on
    one core, and stays in memory.
    Source: sphere tracing: Hart, The Visual Computer 1996; light of rectangles: Lambert, Photometria, 1760; noise: EMVA
    Standard 1288. Scenes, furniture and figures are this project's.

    Example:
        >>> data = RoomsAndStreets(count=2, size=32)
        >>> data[0].shape, data[0].dtype, data.name(1)
        (torch.Size([3, 32, 32]), torch.uint8, 'rooms_and_streets/1')
    """

    class Config(DataConfig):
        count: int = Field(64, ge=1, le=100_000, description="number of scenes")
        seed: int = Field(0, ge=0, description="determines the scenes")
        kinds: tuple[SceneKind, ...] = Field(
            ("lamp_room", "back_lit_room", "street"), min_length=1, description="kinds of scene, each as frequent"
        )
        darkness: Annotated[tuple[Stops, Stops], AfterValidator(_require_order)] = Field(
            (2.0, 6.0), description="under-exposure of dark scenes, stops, 0 to 12"
        )
        lit: float = Field(0.25, ge=0.0, le=1.0, description="share of scenes 1 stop under- to 2 over-exposed instead")
        gain: Annotated[tuple[Gain, Gain], AfterValidator(_require_order)] = Field(
            (5e-5, 1e-3), description="signal per electron, drawn on a log scale: the noise; 0 is none"
        )
        read_noise: float = Field(3.0, ge=0.0, le=100.0, description="noise of reading the sensor, electrons")

    signals = ("low", "low_2", "reference")
    low_signals = ("low", "low_2")

    def __init__(self, **options: object):
        super().__init__(**options)
        self._photos: dict[int, dict[str, Tensor]] = {}

    def __len__(self) -> int:
        return self.config.count

    def __getitem__(self, index: int) -> Tensor:
        return self._photograph(index)["low"]

    def name(self, index: int) -> str:
        return f"rooms_and_streets/{index}"

    def reference(self, index: int) -> Tensor:
        return self._photograph(index)["reference"]

    def tensor(self, index: int, signal: str) -> Tensor:
        return self._photograph(index)[signal] if signal in self.signals else super().tensor(index, signal)

    def light(self, index: int) -> Tensor:
        """The linear light of a scene, float32 ``(3, size, size)``, above 0; 1 is about white in ``reference``."""
        return torch.from_numpy(self._draw(index)).permute(2, 0, 1).contiguous()

    def _draw(self, index: int) -> np.ndarray:
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} scenes, 0 to {len(self) - 1}; got {index}")
        kinds = self.config.kinds
        kind = kinds[int(np.random.default_rng((self.config.seed, index, 0)).integers(len(kinds)))]
        return draw_light(kind, (self.config.seed, index, 1), self.config.size, self.config.size)

    def _photograph(self, index: int) -> dict[str, Tensor]:
        if index not in self._photos:
            light, config = self._draw(index), self.config
            rng = np.random.default_rng((config.seed, index, 2))
            stops = rng.uniform(-1, 2) if rng.random() < config.lit else -rng.uniform(*config.darkness)
            low, high = (max(end, 1e-9) for end in config.gain)
            gain = float(np.exp(rng.uniform(np.log(low), np.log(high)))) if config.gain[1] else 0.0
            photos = {
                "low": take_photo(rng, light, stops, gain, config.read_noise),
                "low_2": take_photo(rng, light, stops, gain, config.read_noise),
                "reference": take_photo(rng, light, 0.0, 0.0, 0.0),
            }
            self._photos[index] = {
                name: torch.from_numpy(photo).permute(2, 0, 1).contiguous() for name, photo in photos.items()
            }
        return self._photos[index]
