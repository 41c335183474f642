"""Files of ncnn."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np

from zerokd import Exporter, Model
from zerokd.exporters.pixel_program import measure_state, trace_pixels
from zerokd.exporters.traced_program import trace_model
from zerokd.models.auto_exposure import AutoExposure
from zerokd_ncnn.layers import ENHANCED, LOW, generate_network

WEIGHTS_SUFFIX = ".ncnn.bin"  # `.bin` alone would replace the weights of another format, such as OpenVINO's
STATE_LAYER, EXPOSURE_KEY = "Input state{} 0 1 state", "_for_exposure_"  # a layer's name is free


@final
class Ncnn(Exporter):
    """Writes layers to ``student.param`` and weights to ``student.ncnn.bin``: one image (3, H, W) of any size.

    The input is the blob ``low``, the output ``enhanced``, both in [0, 1]. zerokd checks the files with ncnn on the
    CPU, in float32.
    For ``auto_exposure`` they compute the pixels of an image with even sides, from what was measured on the whole
    image: the blobs ``state`` (8, 1, 1), ``slope`` and ``offset`` (1, 64, 64) are copies of the struct that the
    measuring function of the format ``c`` fills; in a video its ``follow`` moves them over time. The check takes them
    from PyTorch.
    Source: the file formats of ncnn; no converter is involved.
    Pitfalls: ``auto_exposure``, and models of 1x1 and 3x3 convolutions and pointwise arithmetic. The files hold no
    provenance. ncnn computes in 16 bits where a processor can: set ``opt.use_fp16_storage``, ``use_fp16_packed`` and
    ``use_fp16_arithmetic`` to false for these pixels.
    """

    suffix, companions = ".param", (WEIGHTS_SUFFIX,)

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        text, weights = generate_network(trace_pixels(model) if isinstance(model, AutoExposure) else trace_model(model))
        if isinstance(model, AutoExposure):
            text = text.replace(STATE_LAYER.format(""), STATE_LAYER.format(f"{EXPOSURE_KEY}{model.config.exposure}"))
        path.write_text(text, encoding="utf-8")
        path.with_suffix(WEIGHTS_SUFFIX).write_bytes(weights)

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        network = open_network(path)
        exposure = re.search(rf"{EXPOSURE_KEY}(\S+)", path.read_text(encoding="utf-8"))
        if exposure is None:
            return lambda low: np.stack([extract_image(network, low=image) for image in low])

        def enhance(image: np.ndarray) -> np.ndarray:
            enhanced = extract_image(network, **measure_state(image, float(exposure[1])))
            return enhanced[:, : image.shape[1], : image.shape[2]]

        return lambda low: np.stack([enhance(image) for image in low])


def open_network(path: Path, threads: int = 0) -> Any:
    """The network of both files in float32; 0 threads stands for one on each core that the process may use.

    Raises:
        ValueError: ncnn cannot read them.
    """
    import ncnn

    network = ncnn.Net()
    network.opt.use_vulkan_compute = False
    network.opt.use_fp16_storage = network.opt.use_fp16_packed = network.opt.use_fp16_arithmetic = False
    network.opt.num_threads = threads or _count_cores()  # ncnn would count those too that it may not use
    if network.load_param(str(path)) or network.load_model(str(path.with_suffix(WEIGHTS_SUFFIX))):
        raise ValueError(f"ncnn cannot read {str(path)!r}")
    return network


def _count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def extract_image(network: Any, **inputs: np.ndarray) -> np.ndarray:
    """The result for inputs (C, H, W) by the names of their blobs.

    Raises:
        ValueError: ncnn cannot compute it.
    """
    import ncnn

    extractor = network.create_extractor()
    for name, values in inputs.items():
        array = np.ascontiguousarray(values)
        extractor.input(name, ncnn.Mat(array).clone())  # a Mat keeps no array alive, and some layers write into it
    code, enhanced = extractor.extract(ENHANCED)
    if code:
        raise ValueError(f"ncnn cannot compute an image of {inputs[LOW].shape[2]}x{inputs[LOW].shape[1]} pixels")
    return np.array(enhanced)
