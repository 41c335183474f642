"""frei0r filter: for ffmpeg, Kdenlive and other hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
from pydantic import Field

import zerokd
from zerokd import Exporter, Model
from zerokd.exporters.c_library import compile_source
from zerokd.exporters.frei0r_code import generate_filter
from zerokd.exporters.frei0r_host import Frei0rFilter
from zerokd.exporters.metadata import describe_model
from zerokd.files.scratch import scratch_folder

MAX_LEVEL = 255


@final
class Frei0r(Exporter):
    """Writes ``student.c``, a frei0r filter in C99 that includes the header of ``c``; its first lines tell the command
    that compiles it.

    Pixels have 8 bits, and alpha stays. To check the file, zerokd compiles it as ``c`` does and calls the filter as a
    host. Parameters are ``strength``, and for ``auto_exposure`` also ``exposure`` and ``denoise``, whose state follows
    over time as in ``zerokd enhance``: anew at a cut, after black, and after a step in time of more than a second.
    Source: the specification of frei0r 1.2. *Differs:* times in milliseconds, as ffmpeg passes them, are recognised.
    Pitfalls: those of ``c``. A filter sees no later frame, so a fade from black starts bright. A host that renders
    frames in several threads gives each thread an instance, and each follows by itself. ffmpeg distorts videos whose
    width is no multiple of 8, and gives no time for some widths; such a video counts as one of ``frame_rate``.
    """

    class Config(zerokd.Config):
        name: str = Field(
            "student", pattern="^[a-z][a-z0-9_]*$", max_length=40, description="of the filter, and prefix in its code"
        )
        frame_rate: float = Field(
            30.0, gt=0.0, le=1000.0, description="frames in a second, for auto_exposure where a host gives no time"
        )

    suffix = ".c"
    tolerance = 0.5 / MAX_LEVEL + 1e-5

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        description = describe_model(model, facts)
        text = generate_filter(model, self.config.name, description, self.config.frame_rate)
        path.write_text(text, encoding="utf-8")

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        with scratch_folder() as folder:
            library = folder / "student.so"
            compile_source(path.read_text(encoding="utf-8"), library)
            frei0r_filter = Frei0rFilter(library)

        def enhance(low: np.ndarray) -> np.ndarray:
            images = np.rint(low.transpose(0, 2, 3, 1) * MAX_LEVEL).astype(np.uint8)
            enhanced = np.stack([_enhance_alone(frei0r_filter, image) for image in images])
            return (enhanced / np.float32(MAX_LEVEL)).transpose(0, 3, 1, 2)

        return enhance


def _enhance_alone(frei0r_filter: Frei0rFilter, image: np.ndarray) -> np.ndarray:
    """An image (H, W, 3) as the only frame of an instance."""
    instance = frei0r_filter.open_instance(image.shape[1], image.shape[0])
    opaque = np.concatenate([image, np.full_like(image[..., :1], MAX_LEVEL)], axis=2)
    result = instance(opaque, 0.0)
    instance.close()
    return result[..., :3]
