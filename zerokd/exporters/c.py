"""C99 header: for cameras, phones, anything with a compiler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
from pydantic import Field

import zerokd
from zerokd import Exporter, Model
from zerokd.exporters.c_auto_exposure import generate_auto_exposure_header
from zerokd.exporters.c_code import generate_header
from zerokd.exporters.c_library import compile_header, load_library
from zerokd.exporters.metadata import describe_model
from zerokd.exporters.traced_program import trace_model
from zerokd.files.scratch import scratch_folder
from zerokd.models.auto_exposure import AutoExposure


@final
class C(Exporter):
    """Writes ``student.h``: network and weights in one pass over the image, without heap, state or dependencies.

    8-bit, 16-bit and float pixels, planar or interleaved, any size, any part of the rows. To check the header, zerokd
    compiles it with the system's C compiler (``CC``, else cc, gcc or clang).
    Source: none; rows stream through ring buffers as deep as each layer's receptive field needs.
    ``auto_exposure`` takes two passes: ``student_measure_u8`` fills a ``student_state``, and ``student_apply_u8_rows``
    computes rows with it; both use the heap.
    Pitfalls: ``auto_exposure``, and models of 1x1 and 3x3 convolutions and pointwise arithmetic. Every weight is a
    literal: a wide network takes minutes to compile.
    """

    class Config(zerokd.Config):
        name: str = Field(
            "student", pattern="^[a-z][a-z0-9_]*$", max_length=40, description="prefix of every name in the header"
        )

    suffix = ".h"

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        name, description = self.config.name, describe_model(model, facts)
        if isinstance(model, AutoExposure):
            header = generate_auto_exposure_header(model, name, description)
        else:
            header = generate_header(trace_model(model), name, description)
        path.write_text(header, encoding="utf-8")

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        with scratch_folder() as folder:
            library = folder / "student.so"
            compile_header(path.read_text(encoding="utf-8"), self.config.name, library)
            prepare_image = load_library(library, self.config.name)

        def enhance(low: np.ndarray) -> np.ndarray:
            images = np.ascontiguousarray(low.transpose(0, 2, 3, 1), np.float32)
            enhanced = np.empty_like(images)
            for image, target in zip(images, enhanced, strict=True):
                prepare_image(image, 1.0)(target, 0, len(image))
            return enhanced.transpose(0, 3, 1, 2)

        return enhance
