"""A host of frei0r filters: it loads a compiled filter and calls it with images, without torch."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path

import numpy as np

FILTER, RGBA8888, VERSION = 0, 1, 1  # what a filter must be


class _PluginInfo(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_char_p) for name in ("name", "author")),
        *((name, ctypes.c_int) for name in ("plugin_type", "color_model", "frei0r_version")),
        *((name, ctypes.c_int) for name in ("major_version", "minor_version", "num_params")),
        ("explanation", ctypes.c_char_p),
    ]


class _ParameterInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_int), ("explanation", ctypes.c_char_p)]


class Frei0rFilter:
    """A compiled filter.

    Attributes:
        name: as hosts show it.
        parameters: the names of its parameters, in their order.
    """

    def __init__(self, library: Path):
        """Load a shared library.

        Raises:
            ValueError: the system cannot load it, or it is no filter.
        """
        try:
            self._library = ctypes.CDLL(str(library))
            self._library.f0r_construct.restype = ctypes.c_void_p
            is_ready = self._library.f0r_init()
        except (OSError, AttributeError) as error:
            raise ValueError(f"the system cannot load {str(library)!r} as a frei0r filter: {error}") from error
        info = _PluginInfo()
        self._library.f0r_get_plugin_info(ctypes.byref(info))
        if not is_ready or (info.plugin_type, info.color_model, info.frei0r_version) != (FILTER, RGBA8888, VERSION):
            raise ValueError(f"{str(library)!r} is no frei0r filter of RGBA")
        self.name = info.name.decode()
        self.parameters = [self._parameter_name(index) for index in range(info.num_params)]

    def open_instance(self, width: int, height: int, values: Mapping[str, float] | None = None) -> Frei0rInstance:
        """An instance for images of one size, with these values of parameters."""
        instance = Frei0rInstance(self._library, width, height)
        for name, value in (values or {}).items():
            instance.set_value(self.parameters.index(name), value)
        return instance

    def _parameter_name(self, index: int) -> str:
        info = _ParameterInfo()
        self._library.f0r_get_param_info(ctypes.byref(info), index)
        return str(info.name.decode())


class Frei0rInstance:
    """A filter at one place in a host, for images of one size. Call it with each image in turn."""

    def __init__(self, library: ctypes.CDLL, width: int, height: int):
        self._library, self._shape = library, (height, width, 4)
        self._instance = ctypes.c_void_p(library.f0r_construct(ctypes.c_uint(width), ctypes.c_uint(height)))
        if not self._instance:
            raise MemoryError("no memory for an instance of a frei0r filter")

    def set_value(self, index: int, value: float) -> None:
        self._library.f0r_set_param_value(self._instance, ctypes.byref(ctypes.c_double(value)), index)

    def get_value(self, index: int) -> float:
        value = ctypes.c_double()
        self._library.f0r_get_param_value(self._instance, ctypes.byref(value), index)
        return value.value

    def __call__(self, image: np.ndarray, time: float) -> np.ndarray:
        """The result for an image (H, W, 4), uint8, shown at this time."""
        if image.shape != self._shape or image.dtype != np.uint8:
            raise ValueError(f"expected uint8 {self._shape}, got {image.dtype} {image.shape}")
        image, result = np.ascontiguousarray(image), np.empty_like(image, order="C")
        pointers = (ctypes.c_void_p(pixels.ctypes.data) for pixels in (image, result))
        self._library.f0r_update(self._instance, ctypes.c_double(time), *pointers)
        return result

    def close(self) -> None:
        self._library.f0r_destruct(self._instance)
        self._instance = ctypes.c_void_p()
