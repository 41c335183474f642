"""A student for Python programs: an image in, an image of the same kind out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from PIL import Image

from zerokd.errors import DataError
from zerokd.files.photo import read_photo
from zerokd.files.photo_format import MediaError
from zerokd.student.controls import apply_controls
from zerokd.student.enhance.engines import ENGINE_NAMES, Engine, choose_engine, read_student_header
from zerokd.student.enhance.jobs import enhance_pixels
from zerokd.student.location import DEFAULT_STUDENT, resolve_student_file

if TYPE_CHECKING:  # torch takes seconds, and arrays and photos do without it
    from torch import Tensor

    from zerokd.plugin.contracts import Model


class Enhancer:
    """A student that :func:`load` returns. Call it with an image:

    * a ``PIL.Image`` gives a ``PIL.Image`` of the same size, in RGB, or RGBA if it has transparency;
    * the path of a photo, as text or ``Path``, gives such an image of 8 bits, upright, with the photo's colour profile;
    * a NumPy array (H, W, 3 or 4), uint8, uint16, or floats in [0, 1], gives an array of the same type, computed in
      float32; a fourth channel is kept;
    * a PyTorch tensor, floats (3, H, W) or (N, 3, H, W) in [0, 1], gives such a tensor, with gradient if it is enabled.

    Examples:
        >>> import numpy, zerokd
        >>> student = zerokd.load()
        >>> dark = numpy.full((4, 6, 3), 30, numpy.uint8)
        >>> bright = student(dark)
        >>> bright.shape, bright.dtype, bool((bright > dark).all())
        ((4, 6, 3), dtype('uint8'), True)
    """

    def __init__(
        self,
        path: str | Path = DEFAULT_STUDENT,
        plugins: Iterable[str | Path] = (),
        engine: str = "auto",
        threads: int | None = None,
        controls: Mapping[str, float | None] | None = None,
    ):
        self._plugins = tuple(Path(plugin) for plugin in plugins)
        self.path = apply_controls(resolve_student_file(path, self._plugins), controls or {})
        self._requested_engine, self._threads = engine, threads

    def __repr__(self) -> str:
        count, _ = read_student_header(self.path)
        return f"<zerokd student {str(self.path)!r}: {count:,} parameters, engine {self._requested_engine}>"

    @cached_property
    def engine(self) -> Engine:
        """The engine for arrays and photos: the student compiled to C, ONNX Runtime, or PyTorch."""
        return choose_engine(self.path, self._requested_engine, threads=self._threads or 0, plugins=self._plugins)

    @cached_property
    def model(self) -> Model:
        """The network in eval mode on the CPU: it maps (N, 3, H, W) to its outputs by name."""
        from zerokd.student.load import load_model

        return load_model(self.path, self._plugins)

    @overload
    def __call__(self, image: Image.Image | str | Path, strength: float = 1.0) -> Image.Image: ...
    @overload
    def __call__(self, image: np.ndarray, strength: float = 1.0) -> np.ndarray: ...
    @overload
    def __call__(self, image: Tensor, strength: float = 1.0) -> Tensor: ...
    def __call__(self, image: Any, strength: float = 1.0) -> Any:
        """The enhanced image. ``strength`` is in [0, 2]: 0 leaves it as it is, 1 is the student as trained.

        Raises:
            TypeError: the image is of another kind.
            ValueError: its shape or type, or the strength, is not as described above.
            DataError: there is no photo at the path.
        """
        if not 0 <= strength <= 2:
            raise ValueError(f"strength is {strength}, not in [0, 2]")
        if isinstance(image, Image.Image):
            return self._enhance_pil_image(image, strength)
        if isinstance(image, str | Path):
            return self._enhance_file(Path(image).expanduser(), strength)
        if isinstance(image, np.ndarray):
            return self._enhance_array(image, strength)
        if type(image).__module__.partition(".")[0] == "torch":
            return self._enhance_tensor(image, strength)
        kinds = "a PIL.Image, the path of a photo, a NumPy array or a PyTorch tensor"
        raise TypeError(f"an image is {kinds}, not {type(image).__name__}")

    def _enhance_file(self, path: Path, strength: float) -> Image.Image:
        try:
            photo = read_photo(path)
        except (MediaError, OSError) as error:
            raise DataError(f"{str(path)!r}: {getattr(error, 'strerror', None) or error}") from error
        pixels = self._enhance_array(photo.pixels, strength)
        image = Image.fromarray(pixels if pixels.dtype == np.uint8 else np.round(pixels / 257).astype(np.uint8))
        if photo.colour_profile:
            image.info["icc_profile"] = photo.colour_profile
        return image

    def _enhance_pil_image(self, image: Image.Image, strength: float) -> Image.Image:
        if image.mode.startswith(("I", "F")):
            raise ValueError(f"a PIL image of mode {image.mode} has no scale; give an array of uint16 or float32")
        pixels = np.array(image.convert("RGBA" if image.has_transparency_data else "RGB"))
        return Image.fromarray(self._enhance_array(pixels, strength))

    def _enhance_array(self, image: np.ndarray, strength: float) -> np.ndarray:
        if image.dtype not in (np.uint8, np.uint16) and image.dtype.kind != "f":
            raise ValueError(f"pixels are uint8, uint16, or floats in [0, 1], not {image.dtype}")
        if image.ndim != 3 or image.shape[2] not in (3, 4) or not image.size:
            raise ValueError(f"an array is (H, W, 3) or (H, W, 4), not {image.shape}")
        pixels = np.ascontiguousarray(image, np.float32 if image.dtype.kind == "f" else None)
        enhanced = enhance_pixels(pixels, self.engine, strength, self._threads or os.cpu_count() or 1)
        return enhanced.astype(image.dtype, copy=False)

    def _enhance_tensor(self, image: Any, strength: float) -> Any:
        from zerokd.models.le_curve import le_curve

        if not image.is_floating_point() or image.ndim not in (3, 4) or image.shape[-3] != 3:
            raise ValueError(f"a tensor is (3, H, W) or (N, 3, H, W) of floats, not {tuple(image.shape)} {image.dtype}")
        low = image if image.ndim == 4 else image[None]
        model: Any = self.model.to(low.device)
        if model.measure is not None:
            enhanced = model.render(low, model.measure(low), (0, 0, *low.shape[2:]), strength)
            return enhanced if image.ndim == 4 else enhanced[0]
        outputs = model(low)
        signal = self.model.outputs().get("curve_map")
        if strength == 1:
            enhanced = outputs["enhanced"]
        elif signal and signal.iterations:
            enhanced = le_curve(low, (outputs["curve_map"] * strength).clamp(-1, 1), signal.iterations)
        else:
            enhanced = low + min(strength, 1.0) * (outputs["enhanced"] - low)
        return enhanced if image.ndim == 4 else enhanced[0]


def load(
    path: str | Path = DEFAULT_STUDENT,
    plugins: Iterable[str | Path] = (),
    engine: str = "auto",
    threads: int | None = None,
    *,
    exposure: float | None = None,
    denoise: float | None = None,
) -> Enhancer:
    """Load a student, by default the best one in the package: ``zerokd.load()(image)`` is the enhanced image.

    Args:
        path: ``"best"``, ``"fidelity"`` or ``"teacher"``, in the package; a file that ``zerokd run`` wrote, or its
            folder; or ``"MODEL:FILE"``, other weights of a known model.
        plugins: one-file plugins, as for ``--plugin``.
        engine: for arrays and photos: "c", "onnx", "torch", or "auto", the fastest that works.
        threads: for arrays and photos; by default one on each core.
        exposure: of ``best``: the mean of the brightest channel that it aims at, between 0 and 1 (.54).
        denoise: of ``best``: the share of smoothing, in [0, 1] (1); 0 leaves the noise.

    Raises:
        ValueError: there is no such engine, or fewer than one thread; or a control is out of its range.
        WeightsError: the file does not hold a student. Other errors of its content appear with the first image.
    """
    if engine not in ("auto", *ENGINE_NAMES) or (threads is not None and threads < 1):
        raise ValueError(f"engine is {engine!r}, of auto, {', '.join(ENGINE_NAMES)}; threads is {threads}, at least 1")
    if not (exposure is None or 0 < exposure < 1) or not (denoise is None or 0 <= denoise <= 1):
        raise ValueError(f"exposure is {exposure}, between 0 and 1; denoise is {denoise}, in [0, 1]")
    enhancer = Enhancer(path, plugins, engine, threads, {"exposure": exposure, "denoise": denoise})
    read_student_header(enhancer.path)
    return enhancer
