"""Frames to pixels and back: upright, whole fields apart, with colours that a round trip does not change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import av
import numpy as np
from attrs import frozen
from av.video.reformatter import Interpolation

from zerokd.student.enhance.video.formats import EIGHT_BITS

PixelFunction = Callable[[np.ndarray], np.ndarray]  # of a frame, (H, W, 3 or 4), uint8 or uint16

# by the signs of the matrix a, b, c, d: x' = a x + c y, y' = b x + d y, for y downwards
ORIENTATION_FILTERS: dict[tuple[int, int, int, int], tuple[str, ...]] = {
    (1, 0, 0, 1): (),
    (-1, 0, 0, 1): ("hflip",),
    (1, 0, 0, -1): ("vflip", "copy"),  # alone it only negates the distance between rows
    (-1, 0, 0, -1): ("vflip", "hflip"),
    (0, 1, 1, 0): ("transpose=cclock_flip",),
    (0, 1, -1, 0): ("transpose=clock",),
    (0, -1, 1, 0): ("transpose=cclock",),
    (0, -1, -1, 0): ("transpose=clock_flip",),
}
EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)
UNSPECIFIED, BT709, BT601, SMPTE170M = 2, 1, 5, 6  # matrices of H.273; the last two are the same
LIMITED_RANGE, FULL_RANGE = 1, 2  # as FFmpeg numbers them
# the matrices that swscale converts, by their numbers in H.273; 0 is RGB itself
CONVERTIBLE_MATRICES = {0: BT709, 1: BT709, 4: 4, 5: BT601, 6: BT601, 7: 7, 9: 9}
MIN_HD_HEIGHT = 720  # players take a video without a matrix for BT.709 from here
DEINTERLACER = "bwdif=mode=send_frame:deint=all"
SPLIT_FIELDS, JOIN_FIELDS = "il=l=d:c=d", "il=l=i:c=i"  # one field above the other, and back


@frozen
class Orientation:
    """How a display matrix turns frames.

    Attributes:
        filters: FFmpeg filters that make them upright.
        swaps_sides: width and height change places.
        is_exact: the matrix is one of the eight that only turn and flip.
    """

    filters: tuple[str, ...] = ()
    swaps_sides: bool = False
    is_exact: bool = True


def read_orientation(frame: Any) -> Orientation:
    """The orientation of a frame, by its display matrix; for another angle the nearest quarter turn."""
    data = read_side_data(frame, "DISPLAYMATRIX")
    if data is None:
        return Orientation()
    values = np.frombuffer(data, np.int32, 9).reshape(3, 3)[:2, :2].astype(np.int64)
    if not values.any():
        return Orientation(is_exact=False)
    diagonal, other = np.abs(values[[0, 1], [0, 1]]).sum(), np.abs(values[[0, 1], [1, 0]]).sum()
    nearest = np.where(np.eye(2, dtype=bool) == (diagonal >= other), np.where(values < 0, -1, 1), 0)
    magnitudes = np.unique(np.abs(values[nearest != 0]))
    is_exact = len(magnitudes) == 1 and bool((nearest * magnitudes[0] == values).all())
    a, b, c, d = (int(sign) for sign in nearest.flat)
    return Orientation(ORIENTATION_FILTERS[a, b, c, d], swaps_sides=a == 0, is_exact=is_exact)


def read_side_data(frame: Any, name: str) -> bytes | None:
    """A piece of a frame's side data, by FFmpeg's name."""
    return next((bytes(data) for data in frame.side_data if data.type.name == name), None)


class FrameFilter:
    """A chain of FFmpeg filters for frames of one size and format; it adapts when these change."""

    def __init__(self, filters: Sequence[str]):
        self._filters = tuple(filters)
        self._layout: tuple[Any, ...] = ()
        self._graph: Any = None

    def __call__(self, frame: Any) -> list[Any]:
        """The frames that come out for a frame that goes in."""
        if not self._filters:
            return [frame]
        leftover = []
        layout = (frame.width, frame.height, frame.format.name, frame.time_base)
        if layout != self._layout:
            leftover = self.flush()
            self._graph, self._layout = self._build_graph(frame), layout
        self._graph.vpush(frame)
        return leftover + self._pull()

    def flush(self) -> list[Any]:
        """The frames that the filters still hold."""
        if self._graph is None:
            return []
        self._graph.vpush(None)
        frames, self._graph, self._layout = self._pull(), None, ()
        return frames

    def _build_graph(self, frame: Any) -> Any:
        graph = av.filter.Graph()
        source = {"video_size": f"{frame.width}x{frame.height}", "pix_fmt": frame.format.name}
        source |= {"time_base": str(frame.time_base), "pixel_aspect": "1/1"}
        source |= {"colorspace": str(frame.colorspace), "range": str(frame.color_range)}
        steps = [graph.add("buffer", **source)]
        steps += [graph.add(name, options or None) for name, _, options in (f.partition("=") for f in self._filters)]
        graph.link_nodes(*steps, graph.add("buffersink")).configure()
        return graph

    def _pull(self) -> list[Any]:
        frames = []
        while True:
            try:
                frames.append(self._graph.vpull())
            except (BlockingIOError, EOFError):  # PyAV's EAGAIN and end
                return frames


def count_bits(pixel_format: Any) -> int:
    """The bits of a value of a PyAV video format; a palette's colours have 8."""
    return EIGHT_BITS if pixel_format.has_palette else max(part.bits for part in pixel_format.components)


def has_alpha(pixel_format: Any) -> bool:
    """Whether a PyAV video format has transparency."""
    return any(part.is_alpha for part in pixel_format.components)


def usual_matrix(height: int) -> int:
    """The matrix, by its number in H.273, that players assume for a video that names none."""
    return BT709 if height >= MIN_HD_HEIGHT else BT601


def choose_matrix(frame: Any) -> int:
    """The matrix between RGB and YUV of a frame, by its number in H.273; where it names none, as players choose."""
    matrix = frame.colorspace
    if matrix == UNSPECIFIED and not frame.format.is_rgb:
        return usual_matrix(frame.height)
    return CONVERTIBLE_MATRICES.get(matrix, BT601)


def frame_to_pixels(frame: Any) -> np.ndarray:
    """RGB of a frame: (H, W, 3), or (H, W, 4) with alpha; uint16 if it has more than 8 bits."""
    depth = "64le" if count_bits(frame.format) > EIGHT_BITS else ""
    name = f"rgba{depth}" if has_alpha(frame.format) else ("rgb48le" if depth else "rgb24")
    rgb = frame.reformat(format=name, src_colorspace=choose_matrix(frame), interpolation=EXACT, **source_range(frame))
    return np.ascontiguousarray(rgb.to_ndarray())


def source_range(frame: Any) -> dict[str, int]:
    """The range of a frame's values as an argument of PyAV; ``yuvj`` formats have the full one."""
    return {} if frame.format.is_rgb else {"src_color_range": FULL_RANGE if has_full_range(frame) else LIMITED_RANGE}


def has_full_range(frame: Any) -> bool:
    """Whether the values of a frame start at 0, as those of RGB do, instead of 16 of 255."""
    return frame.format.is_rgb or frame.format.name.startswith("yuvj") or frame.color_range == FULL_RANGE


@frozen
class FrameEncoding:
    """How pixels become frames again.

    Attributes:
        pixel_format: by FFmpeg's name.
        matrix: between RGB and YUV, by its number in H.273.
        has_full_range: values start at 0.
    """

    pixel_format: str
    matrix: int
    has_full_range: bool

    def convert(self, frame: Any) -> Any:
        """A frame in this encoding with the times and the side data (captions, timecodes, fields) of ``frame``."""
        limits = FULL_RANGE if self.has_full_range else LIMITED_RANGE
        converted = frame.reformat(
            format=self.pixel_format,
            src_colorspace=choose_matrix(frame),
            dst_colorspace=self.matrix,
            dst_color_range=limits,
            interpolation=EXACT,
            **source_range(frame),
        )
        converted.pict_type = 0  # the encoder chooses its own key frames
        return converted

    def replace_pixels(self, frame: Any, pixels: np.ndarray) -> Any:
        """As :meth:`convert`, with other pixels: (H, W, 3 or 4), uint8 or uint16. It may write to ``frame``."""
        colours, result = self.create_frame(pixels), self.convert(frame)
        result.make_writable()
        for source, target in zip(colours.planes, result.planes, strict=True):
            rows, written = (np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size) for plane in (source, target))
            length = min(rows.shape[1], written.shape[1])  # the ends of rows are padding
            written[:, :length] = rows[: len(written), :length]
        return result

    def create_frame(self, pixels: np.ndarray) -> Any:
        """A frame of pixels (H, W, 3 or 4), uint8 or uint16, without times and side data."""
        alpha = pixels.shape[2] == 4
        name = ("rgba64le" if alpha else "rgb48le") if pixels.dtype == np.uint16 else ("rgba" if alpha else "rgb24")
        return self.convert(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=name))
