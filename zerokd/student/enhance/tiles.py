"""A network on images of any size: piece by piece, with the same pixels as at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from attrs import frozen

TILE_ROWS, TILE_COLUMNS = 256, 512  # what a network sees at a time, without its surroundings
BandFunction = Callable[[np.ndarray, int, int], None]  # writes rows first to last - 1 of an image of pixels
OutputsFunction = Callable[[np.ndarray], Mapping[str, np.ndarray]]


def apply_curve(low: np.ndarray, curve_map: np.ndarray, iterations: int, strength: float) -> np.ndarray:
    """The light-enhancement curve with ``strength`` times the map, which stays in [-1, 1]."""
    scaled = np.clip(curve_map * np.float32(strength), -1.0, 1.0) if strength != 1 else curve_map
    x = low
    for _ in range(iterations):
        x = x + scaled * (x * x - x)
    return x


@frozen(eq=False)
class TiledNetwork:
    """A network whose outputs are computed on float32 images (1, 3, H, W).

    It sees tiles of one fixed grid, whichever rows are asked for: a library's matrix products round by the shape of
    what they are given, so that a pixel's last bits would depend on how an image is cut.

    ``reach`` is how many pixels to each side an output pixel sees, None where it may be the whole image;
    ``iterations`` how often its curve map is applied, None where it has none: then ``strength`` mixes the enhanced
    image with the input, and goes to 1 only.
    """

    compute_outputs: OutputsFunction
    receptive_radius: int | None
    iterations: int | None

    def prepare_image(self, image: np.ndarray, strength: float) -> BandFunction:
        """What computes bands of ``image``, pixels (H, W, 3 or 4)."""

        def band(to: np.ndarray, first: int, last: int) -> None:
            height, width = image.shape[:2]
            for top, bottom in self._tile_ranges(height, TILE_ROWS, first, last):
                for left, right in self._tile_ranges(width, TILE_COLUMNS, 0, width):
                    rows, columns = self._expand_range(top, bottom, height), self._expand_range(left, right, width)
                    low = pixels_to_float(image[slice(*rows), slice(*columns), :3])
                    above, below = max(first, top), min(last, bottom)
                    made = self._enhance(low, strength)[:, :, above - rows[0] : below - rows[0], left - columns[0] :]
                    write_pixels(to[above:below, left:right], made[..., : right - left])

        return band

    def prepare_downscaled(self, image: np.ndarray, strength: float, factor: int) -> BandFunction:
        """The same, with the curve map estimated on a copy of 1/``factor`` the size and enlarged."""
        iterations = self.iterations
        if iterations is None:
            raise ValueError("only a model with a curve map has a scale")
        small = downscale(image, factor)
        curve_map = self.compute_outputs(small)["curve_map"][0]

        def band(to: np.ndarray, first: int, last: int) -> None:
            enlarged = _upscale_rows(curve_map, image.shape[:2], first, last)
            write_pixels(
                to[first:last], apply_curve(pixels_to_float(image[first:last, :, :3]), enlarged, iterations, strength)
            )

        return band

    def _enhance(self, low: np.ndarray, strength: float) -> np.ndarray:
        made = self.compute_outputs(low)
        if self.iterations is not None and "curve_map" in made:
            return apply_curve(low, made["curve_map"], self.iterations, strength)
        share = np.float32(min(strength, 1.0))
        return made["enhanced"] if share == 1 else low + share * (made["enhanced"] - low)

    def _tile_ranges(self, size: int, side: int, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The tiles along one axis that have a part between ``first`` and ``last``."""
        side = size if self.receptive_radius is None else side
        return ((start, min(start + side, size)) for start in range(first - first % side, last, side))

    def _expand_range(self, first: int, last: int, size: int) -> tuple[int, int]:
        reach = size if self.receptive_radius is None else self.receptive_radius
        return max(0, first - reach), min(size, last + reach)


def pixels_to_float(pixels: np.ndarray) -> np.ndarray:
    """Pixels (H, W, 3) as a float32 image (1, 3, H, W) in [0, 1]."""
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]
    return planes if planes.dtype == np.float32 else planes.astype(np.float32) / np.float32(np.iinfo(planes.dtype).max)


def write_pixels(target: np.ndarray, image: np.ndarray) -> None:
    """A float image (1, 3, H, W) as the colours of pixels (H, W, 3 or 4)."""
    planes = image[0].transpose(1, 2, 0)
    if target.dtype != np.float32:
        most = np.iinfo(target.dtype).max
        planes = np.clip(planes, 0.0, 1.0) * np.float32(most) + np.float32(0.5)  # cast cuts off: to the nearest
    target[..., :3] = planes


def downscale(image: np.ndarray, factor: int) -> np.ndarray:
    """Bilinear, between the nearest pixels only, as PyTorch does it with align_corners=False: (1, 3, h, w)."""
    height, width = (max(1, side // factor) for side in image.shape[:2])
    top, bottom, down = _interpolation_weights(image.shape[0], height)
    left, right, along = _interpolation_weights(image.shape[1], width)
    upper, lower = (pixels_to_float(image[rows][:, :, :3]) for rows in (top, bottom))
    rows = upper + down[:, None] * (lower - upper)
    made: np.ndarray = rows[..., left] + along * (rows[..., right] - rows[..., left])
    return made


def _interpolation_weights(size: int, target_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    places = np.maximum((np.arange(target_size) + 0.5) * (size / target_size) - 0.5, 0.0)
    first = places.astype(np.int64)
    return first, np.minimum(first + 1, size - 1), (places - first).astype(np.float32)


def _upscale_rows(curve_map: np.ndarray, size: tuple[int, int], first: int, last: int) -> np.ndarray:
    """Rows of a map (3, h, w) brought to ``size``, bilinear with the corners aligned: (1, 3, last - first, W)."""

    def places(count: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        at = np.arange(wanted) * ((count - 1) / (wanted - 1) if wanted > 1 else 0.0)
        start = np.minimum(at.astype(np.int64), count - 1)
        return start, np.minimum(start + 1, count - 1), (at - start).astype(np.float32)

    top, bottom, down = (place[first:last] for place in places(curve_map.shape[1], size[0]))
    left, right, along = places(curve_map.shape[2], size[1])
    rows = curve_map[:, top] + down[:, None] * (curve_map[:, bottom] - curve_map[:, top])
    made: np.ndarray = (rows[..., left] + along * (rows[..., right] - rows[..., left]))[None]
    return made
