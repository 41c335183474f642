"""What models from files of other programs share: their config, the file, and the ranges of images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Self

import torch
from attrs import field, frozen
from pydantic import Field, model_validator
from torch import Tensor, nn

import zerokd
from zerokd import Model, Signal
from zerokd.errors import Problem, WeightsError
from zerokd.files.regular import read_regular
from zerokd.files.weights import expand_weights_path, require_file

ENHANCED, CHANNELS = "enhanced", 3
IMAGE_RANGE = (0.0, 1.0)
MAX_REASON_LENGTH = 160


class ModelFileConfig(zerokd.Config):
    """The config of a model from a file."""

    file: str = Field(min_length=1, description="the file; ~ is the home folder")
    input_range: tuple[float, float] = Field(IMAGE_RANGE, description="what it takes for black and white")
    output_range: tuple[float, float] = Field(IMAGE_RANGE, description="what it returns for black and white")
    outputs: tuple[str, ...] = Field((), description="names for its outputs, in its order, one of them enhanced")
    clamp: bool = Field(False, description="limit enhanced to [0, 1]; otherwise values outside are an error")

    @model_validator(mode="after")
    def _require_ranges_and_names(self) -> Self:
        for black, white in (self.input_range, self.output_range):
            if black >= white:
                raise ValueError(f"black, {black:g}, must be less than white, {white:g}")
        if self.outputs and (len(set(self.outputs)) < len(self.outputs) or ENHANCED not in self.outputs):
            raise ValueError(f"outputs must differ, and one of them must be {ENHANCED!r}")
        return self


@frozen(eq=False)
class ModelProgram:
    """The program of a file: ``run`` maps an image (N, 3, H, W) to its outputs.

    ``output_names`` are those of the file, empty strings where it names none. ``shape`` has the fixed sizes of its
    input, and None for each axis of any size.
    """

    run: Callable[[Tensor], Sequence[Tensor]]
    output_names: tuple[str, ...]
    dtype: torch.dtype = torch.float32
    shape: tuple[int | None, ...] = field(default=(None, None, None, None))


class ModelFile(Model):
    """A frozen model from a file; a kind of file implements :meth:`load`."""

    Config = ModelFileConfig
    is_frozen = True
    kind_of_file: ClassVar[str]

    def __init__(self, **options: object):
        super().__init__(**options)
        self.path, self.content = read_model_file(self.config.file)
        digest = hashlib.sha256(self.content).hexdigest()
        self.sources = {"weights": str(self.path), "sha256": digest}
        self.program = self._load(torch.device("cpu"))
        self.output_names = self._name_outputs()
        count = len(self.program.shape)
        if count != 4 or self.program.shape[1] not in (None, CHANNELS):
            raise WeightsError(f"{str(self.path)!r} takes {format_shape(self.program.shape)}, not images (N, 3, H, W)")

    def load(self, content: bytes, device: torch.device) -> ModelProgram:
        """The program in the file, on a device.

        Raises:
            Exception: any, where the file is damaged or holds something else.
        """
        raise NotImplementedError

    def outputs(self) -> dict[str, Signal]:
        return {name: Signal(range=IMAGE_RANGE if name == ENHANCED else None) for name in self.output_names}

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        self._require_size(low)
        black, white = self.config.input_range
        image = (low * (white - black) + black).to(self.program.dtype)
        parts = image.split(1) if self.program.shape[0] == 1 else (image,)
        values = [torch.cat(tensors) for tensors in zip(*map(self.program.run, parts), strict=True)]
        named = {name: value.to(low.dtype) for name, value in zip(self.output_names, values, strict=True)}
        black, white = self.config.output_range
        enhanced = (named[ENHANCED] - black) / (white - black)
        if enhanced.shape != low.shape:
            text = f"{str(self.path)!r} makes {format_shape(enhanced.shape)} of {format_shape(low.shape)}"
            raise ValueError(f"{text}; {ENHANCED} needs the shape of the image")
        return named | {ENHANCED: enhanced.clamp(*IMAGE_RANGE) if self.config.clamp else enhanced}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move the program to the device where tensors move; it computes in its own type."""
        device = fn(torch.empty(0)).device
        if device.type != "cpu" or self.program_device.type != "cpu":
            self.program = self._load(device)
        return super()._apply(fn, recurse)

    def _load(self, device: torch.device) -> ModelProgram:
        self.program_device = device
        try:
            return self.load(self.content, device)
        except zerokd.ZerokdError:
            raise
        except Exception as error:  # parsers of three libraries raise almost anything
            lines = str(error).strip().splitlines() or [type(error).__name__]
            text = f"cannot read {str(self.path)!r}: {lines[0][:MAX_REASON_LENGTH]}"
            hint = f"{type(self).__name__} reads {self.kind_of_file}; this is damaged, or of another kind or version"
            raise WeightsError(Problem(text, hints=(hint,))) from error

    def _name_outputs(self) -> tuple[str, ...]:
        file_names, names = self.program.output_names, self.config.outputs
        count = len(file_names)
        if names and len(names) != count:
            raise WeightsError(f"{str(self.path)!r} returns {count} tensors, and outputs names {len(names)}")
        default = (ENHANCED,) if count == 1 else tuple(name or f"output_{i}" for i, name in enumerate(file_names))
        names = names or default
        if ENHANCED not in names:
            example = ", ".join(f'"{name}"' for name in (ENHANCED, *names[1:]))
            hint = f"name its outputs in this order, such as outputs = [{example}]"
            text = f"{str(self.path)!r} returns {', '.join(names)}, and none is called {ENHANCED}"
            raise WeightsError(Problem(text, hints=(hint,)))
        return names

    def _require_size(self, low: Tensor) -> None:
        batch, _, *size = self.program.shape
        if batch not in (None, 1, len(low)):
            raise ValueError(f"{str(self.path)!r} takes {batch} images at once, and gets {len(low)}")
        if any(fixed not in (None, actual) for fixed, actual in zip(size, low.shape[2:], strict=True)):
            takes = "x".join("any" if side is None else str(side) for side in size)
            text = f"{str(self.path)!r} takes images of {takes} pixels, and gets {low.shape[2]}x{low.shape[3]}"
            raise ValueError(f"{text}: set the size of [data], or write the file for any size")


def read_model_file(text: str) -> tuple[Path, bytes]:
    """The path and content of a model file.

    Raises:
        WeightsError: it is missing, empty, or cannot be read.
    """
    path = expand_weights_path(text)
    try:
        require_file(path, "model file")
        return path, read_regular(path)
    except (OSError, ValueError) as error:
        raise WeightsError(f"cannot read {text!r}: {getattr(error, 'strerror', None) or error}") from error


def format_shape(shape: Sequence[int | None]) -> str:
    """A shape, with ``any`` for an axis of any size."""
    return f"({', '.join('any' if side is None else str(side) for side in shape)})"


def find_dtype(parameters: Iterable[Tensor]) -> torch.dtype:
    """The floating-point type that a network with these parameters takes."""
    return next((tensor.dtype for tensor in parameters if tensor.is_floating_point()), torch.float32)


class ExampleNetwork(nn.Module):
    """The network in the files that the conformance kit reads: a curve that brightens."""

    def forward(self, low: Tensor) -> Tensor:
        return low * (2 - low)
