"""Files of ncnn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np

from zerokd import Exporter, Model
from zerokd.exporters.traced_program import trace_model
from zerokd_ncnn.layers import ENHANCED, LOW, generate_network

WEIGHTS_SUFFIX = ".ncnn.bin"  # `.bin` alone would replace the weights of another format, such as OpenVINO's


@final
class Ncnn(Exporter):
    """Writes layers to ``student.param`` and weights to ``student.ncnn.bin``: one image (3, H, W) of any size.

    The input is the blob ``low``, the output ``enhanced``, both in [0, 1]. zerokd checks the files with ncnn on the
    CPU, in float32.
    Source: the file formats of ncnn; no converter is involved.
    Pitfalls: models of 1x1 and 3x3 convolutions and pointwise arithmetic; not ``auto_exposure``, which measures the
    whole image by sorting and counting. The files hold no provenance. ncnn computes in 16 bits where a processor can:
    set ``opt.use_fp16_storage``, ``use_fp16_packed`` and ``use_fp16_arithmetic`` to false for these pixels.
    """

    suffix, companions = ".param", (WEIGHTS_SUFFIX,)

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        text, weights = generate_network(trace_model(model))
        path.write_text(text, encoding="utf-8")
        path.with_suffix(WEIGHTS_SUFFIX).write_bytes(weights)

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        network = open_network(path)
        return lambda low: np.stack([_extract(network, image) for image in low])


def open_network(path: Path, threads: int = 0) -> Any:
    """The network of both files in float32; 0 threads stands for one on each core.

    Raises:
        ValueError: ncnn cannot read them.
    """
    import ncnn

    network = ncnn.Net()
    network.opt.use_vulkan_compute = False
    network.opt.use_fp16_storage = network.opt.use_fp16_packed = network.opt.use_fp16_arithmetic = False
    if threads:
        network.opt.num_threads = threads
    if network.load_param(str(path)) or network.load_model(str(path.with_suffix(WEIGHTS_SUFFIX))):
        raise ValueError(f"ncnn cannot read {str(path)!r}")
    return network


def _extract(network: Any, image: np.ndarray) -> np.ndarray:
    """The result for an image (3, H, W)."""
    import ncnn

    extractor, pixels = network.create_extractor(), np.ascontiguousarray(image)
    extractor.input(LOW, ncnn.Mat(pixels).clone())  # a Mat keeps no array alive, and some layers write into it
    code, enhanced = extractor.extract(ENHANCED)
    if code:
        raise ValueError(f"ncnn cannot compute an image of {image.shape[2]}x{image.shape[1]} pixels")
    return np.array(enhanced)
