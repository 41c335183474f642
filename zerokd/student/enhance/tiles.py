"""A network on images of any size, computed in tiles, with the same pixels as in one piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from attrs import frozen

TILE_ROWS, TILE_COLUMNS = 256, 512  # of a tile, without the pixels around it that the network sees too
BandFunction = Callable[[np.ndarray, int, int], None]  # writes rows first to last - 1 of an image of pixels
OutputsFunction = Callable[[np.ndarray], Mapping[str, np.ndarray]]
Region = tuple[int, int, int, int]  # first row and column of a tile, height and width of the image
MeasureFunction = Callable[[np.ndarray], Any]  # the state of an image
RenderFunction = Callable[[np.ndarray, Any, Region, float], np.ndarray]  # a tile with that state, of a strength


def apply_curve(low: np.ndarray, curve_map: np.ndarray, iterations: int, strength: float) -> np.ndarray:
    """The light-enhancement curve with ``strength`` times the map, clamped to [-1, 1]."""
    scaled = np.clip(curve_map * np.float32(strength), -1.0, 1.0) if strength != 1 else curve_map
    x = low
    for _ in range(iterations):
        x = x + scaled * (x * x - x)
    return x


@frozen(eq=False)
class TiledNetwork:
    """A network whose outputs are computed on float32 images (1, 3, H, W).

    The tiles are those of one fixed grid, for any band of rows: a library's matrix products round differently for
    another shape, so the last bits of a pixel would depend on how an image is divided.

    Attributes:
        receptive_radius: how many pixels to each side an output pixel depends on; None if it may be the whole image.
        iterations: how often the network applies its curve map; None if it has none. Then ``strength`` mixes the
            enhanced image with the input, up to 1.
        measure, render: of a network that looks at the whole image once; ``render`` takes the place of
            ``compute_outputs``.
    """

    compute_outputs: OutputsFunction
    receptive_radius: int | None
    iterations: int | None
    measure: MeasureFunction | None = None
    render: RenderFunction | None = None

    def prepare_image(self, image: np.ndarray, strength: float) -> BandFunction:
        """The function that computes bands of ``image``, pixels (H, W, 3 or 4)."""
        return self.apply_state(image, self.measure_pixels(image) if self.measure is not None else None, strength)

    def measure_pixels(self, image: np.ndarray) -> Any:
        """The state of pixels (H, W, 3 or 4), for a network that has ``measure``."""
        if self.measure is None:
            raise ValueError("only a model that measures the whole image has a state")
        return self.measure(pixels_to_float(image[..., :3]))

    def apply_state(self, image: np.ndarray, state: Any, strength: float) -> BandFunction:
        """As :meth:`prepare_image`, for an image whose state is known."""

        def compute_band(target: np.ndarray, first: int, last: int) -> None:
            height, width = image.shape[:2]
            for top, bottom in self._tile_ranges(height, TILE_ROWS, first, last):
                for left, right in self._tile_ranges(width, TILE_COLUMNS, 0, width):
                    rows, columns = self._expand_range(top, bottom, height), self._expand_range(left, right, width)
                    low = pixels_to_float(image[slice(*rows), slice(*columns), :3])
                    start, stop = max(first, top), min(last, bottom)
                    region = rows[0], columns[0], height, width
                    enhanced = (
                        self.render(low, state, region, strength) if self.render else self._enhance(low, strength)
                    )
                    tile = enhanced[:, :, start - rows[0] : stop - rows[0], left - columns[0] : right - columns[0]]
                    write_pixels(target[start:stop, left:right], tile)

        return compute_band

    def prepare_downscaled(self, image: np.ndarray, strength: float, factor: int) -> BandFunction:
        """As :meth:`prepare_image`, with a curve map that is estimated at 1/``factor`` of the size and upscaled."""
        iterations = self.iterations
        if iterations is None:
            raise ValueError("only a model with a curve map has a scale")
        curve_map = self.compute_outputs(downscale(image, factor))["curve_map"][0]

        def compute_band(target: np.ndarray, first: int, last: int) -> None:
            upscaled = _upscale_rows(curve_map, image.shape[:2], first, last)
            low = pixels_to_float(image[first:last, :, :3])
            write_pixels(target[first:last], apply_curve(low, upscaled, iterations, strength))

        return compute_band

    def _enhance(self, low: np.ndarray, strength: float) -> np.ndarray:
        outputs = self.compute_outputs(low)
        if self.iterations is not None and "curve_map" in outputs:
            return apply_curve(low, outputs["curve_map"], self.iterations, strength)
        share = np.float32(min(strength, 1.0))
        return outputs["enhanced"] if share == 1 else low + share * (outputs["enhanced"] - low)

    def _tile_ranges(self, size: int, side: int, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The tiles along one axis that overlap ``first`` to ``last``."""
        side = size if self.receptive_radius is None else side
        return ((start, min(start + side, size)) for start in range(first - first % side, last, side))

    def _expand_range(self, first: int, last: int, size: int) -> tuple[int, int]:
        radius = size if self.receptive_radius is None else self.receptive_radius
        return max(0, first - radius), min(size, last + radius)


def pixels_to_float(pixels: np.ndarray) -> np.ndarray:
    """Pixels (H, W, 3) as a float32 image (1, 3, H, W) in [0, 1]."""
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]
    return planes if planes.dtype == np.float32 else planes.astype(np.float32) / np.float32(np.iinfo(planes.dtype).max)


def write_pixels(target: np.ndarray, image: np.ndarray) -> None:
    """Write a float image (1, 3, H, W) to the colours of pixels (H, W, 3 or 4)."""
    colours = image[0].transpose(1, 2, 0)
    if target.dtype != np.float32:
        max_value = np.float32(np.iinfo(target.dtype).max)
        colours = np.clip(colours, 0.0, 1.0) * max_value + np.float32(0.5)  # to the nearest: the cast truncates
    target[..., :3] = colours


def downscale(image: np.ndarray, factor: int) -> np.ndarray:
    """Bilinear between the nearest pixels, as PyTorch with align_corners=False: pixels (H, W, 3+) to (1, 3, h, w)."""
    height, width = (max(1, side // factor) for side in image.shape[:2])
    top, bottom, down = _interpolation_weights(image.shape[0], height)
    left, right, along = _interpolation_weights(image.shape[1], width)
    upper, lower = (pixels_to_float(image[rows][:, :, :3]) for rows in (top, bottom))
    rows = upper + down[:, None] * (lower - upper)
    downscaled: np.ndarray = rows[..., left] + along * (rows[..., right] - rows[..., left])
    return downscaled


def _interpolation_weights(size: int, target_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    positions = np.maximum((np.arange(target_size) + 0.5) * (size / target_size) - 0.5, 0.0)
    first = positions.astype(np.int64)
    return first, np.minimum(first + 1, size - 1), (positions - first).astype(np.float32)


def _upscale_rows(curve_map: np.ndarray, size: tuple[int, int], first: int, last: int) -> np.ndarray:
    """Rows of a map (3, h, w) upscaled to ``size``, bilinear with aligned corners: (1, 3, last - first, W)."""

    def weights(count: int, target_count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        positions = np.arange(target_count) * ((count - 1) / (target_count - 1) if target_count > 1 else 0.0)
        start = np.minimum(positions.astype(np.int64), count - 1)
        return start, np.minimum(start + 1, count - 1), (positions - start).astype(np.float32)

    top, bottom, down = (values[first:last] for values in weights(curve_map.shape[1], size[0]))
    left, right, along = weights(curve_map.shape[2], size[1])
    rows = curve_map[:, top] + down[:, None] * (curve_map[:, bottom] - curve_map[:, top])
    upscaled: np.ndarray = (rows[..., left] + along * (rows[..., right] - rows[..., left]))[None]
    return upscaled
