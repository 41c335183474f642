"""The engine that computes pixels: the student compiled to C, ONNX Runtime, or PyTorch; the fastest that works."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from attrs import evolve, frozen
from safetensors import SafetensorError, safe_open

from zerokd.errors import ExportError, Problem, WeightsError
from zerokd.exporters.c_library import compile_header, find_compiler, load_library
from zerokd.files.machine import processor_flags
from zerokd.files.record import parse_json
from zerokd.files.scratch import scratch_environment
from zerokd.student.enhance.engine_cache import load_or_build
from zerokd.student.enhance.states import NetworkStates, StateFunctions
from zerokd.student.enhance.tiles import TILE_ROWS, BandFunction, Region, TiledNetwork

EngineName = Literal["c", "onnx", "torch"]
ENGINE_NAMES: tuple[EngineName, ...] = ("c", "onnx", "torch")
MAX_SCALE = 4096  # at which the curve map is estimated
MAX_C_PARAMETERS = 2000  # each is a literal, and a wide network is faster as matrix products


@frozen(eq=False)
class Engine:
    """A student that is ready to compute.

    Attributes:
        description: its name as users read it.
        prepare_image: for pixels (H, W, 3 or 4) and a strength, the function that computes bands of rows.
        allows_parallel_bands: bands may be computed in several threads.
        needs_whole_image: an image is a single band.
        states: of a student whose state follows over the frames of a video.
        fallback_reasons: why faster engines cannot run this student.
    """

    name: EngineName
    description: str
    prepare_image: Callable[[np.ndarray, float], BandFunction]
    allows_parallel_bands: bool = False
    needs_whole_image: bool = False
    states: StateFunctions | None = None
    fallback_reasons: tuple[str, ...] = ()

    def describe_fallback(self) -> str:
        """One line that explains the choice; empty for the fastest engine."""
        return f"Using {self.description} ({'; '.join(self.fallback_reasons)})" if self.fallback_reasons else ""

    def compute_image(self, pixels: np.ndarray, compute_band: BandFunction, threads: int) -> np.ndarray:
        """The enhanced pixels of an image that is prepared as ``compute_band``; alpha stays as it is."""
        enhanced = pixels.copy()
        step = len(pixels) if self.needs_whole_image else TILE_ROWS
        bands = [(first, min(first + step, len(pixels))) for first in range(0, len(pixels), step)]
        if self.allows_parallel_bands and threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(lambda band: compute_band(enhanced, *band), bands))
        else:
            for band in bands:
                compute_band(enhanced, *band)
        return enhanced


def choose_engine(
    weights: Path, requested: str = "auto", scale: int = 0, threads: int = 0, plugins: Iterable[Path] = ()
) -> Engine:
    """The requested engine for a student's file, by default the fastest that works.

    Args:
        scale: above 1 the curve map is estimated at this fraction of the size; 0 takes the model's own scale factor.
        threads: for ONNX Runtime and PyTorch; 0 leaves it to them.

    Raises:
        WeightsError: the file cannot be used.
        ExportError: the requested engine is not installed, or cannot run such a model.
    """
    parameter_count, config = read_student_header(weights)
    scale = scale or config.get("scale_factor", 1)
    reasons: list[str] = []
    for name in ENGINE_NAMES if requested == "auto" else (requested,):
        try:
            if name == "c":
                engine = _build_c_engine(weights, parameter_count, scale, plugins)
            elif name == "onnx":
                engine = _build_onnx_engine(weights, scale, threads, plugins)
            else:
                engine = _build_torch_engine(weights, scale, threads, plugins)
            return evolve(engine, fallback_reasons=tuple(reasons))
        except ExportError as error:
            if requested != "auto":
                raise
            reasons.append(error.problems[0].message)
    raise AssertionError("PyTorch runs every model")


def read_student_header(weights: Path) -> tuple[int, dict[str, Any]]:
    """The number of parameters in a file, and the model's config, without importing torch, which takes seconds.

    Raises:
        WeightsError: the file does not exist, or does not hold a student.
    """
    try:
        if not weights.is_file():
            state = "is a folder" if weights.is_dir() else "does not exist"
            raise WeightsError(f"weights file {str(weights)!r} {state}")
        with safe_open(weights, framework="np") as file:
            description = parse_json((file.metadata() or {}).get("zerokd", "{}"))
            size = sum(int(np.prod(file.get_slice(key).get_shape())) for key in file.keys())  # noqa: SIM118
        config = description["architecture"]["config"]
        if not isinstance(config, dict):
            raise ValueError("its configuration is no JSON object")
        scale = config.get("scale_factor", 1)
        if type(scale) is not int or not 1 <= scale <= MAX_SCALE:
            raise ValueError(f"its scale factor is {str(scale)[:40]!r}, not a whole number from 1 to {MAX_SCALE}")
        return size, config
    except (SafetensorError, OSError, ValueError, LookupError, TypeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:100]
        hint = "give a student.safetensors that `zerokd run` wrote"
        raise WeightsError(Problem(f"{str(weights)!r} is not a student's file: {reason}", hints=(hint,))) from error


def _build_c_engine(weights: Path, parameter_count: int, scale: int, plugins: Iterable[Path]) -> Engine:
    command = find_compiler()
    if command is None:
        raise ExportError("there is no C compiler")
    if scale > 1:
        raise ExportError("the C engine has no scale factor")
    if parameter_count > MAX_C_PARAMETERS:
        raise ExportError(f"{parameter_count} parameters are too many for the C engine, which takes {MAX_C_PARAMETERS}")

    def build(library: Path) -> None:
        header = library.with_suffix(".h")
        _export_in_subprocess(weights, "c", header, plugins)
        compile_header(header.read_text(encoding="utf-8"), "student", library)

    load = partial(load_library, name="student")
    try:
        student = load_or_build(weights, f"{command[0]}{processor_flags()}", ".so", build, load)
    except (ValueError, OSError, subprocess.SubprocessError) as error:
        raise ExportError(f"the C engine failed: {error}") from error
    states = student if student.measures else None
    return Engine("c", "C engine", student, allows_parallel_bands=True, states=states)


def _build_onnx_engine(weights: Path, scale: int, threads: int, plugins: Iterable[Path]) -> Engine:
    try:
        import onnxruntime
    except ImportError:
        raise ExportError("onnxruntime is not installed") from None
    if scale > 1:
        raise ExportError("ONNX Runtime has no scale factor")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads

    def load(path: Path) -> Any:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    try:
        build = partial(_export_in_subprocess, weights, "onnx", plugins=plugins, settings=("tiles=true",))
        session = load_or_build(weights, "", ".onnx", build, load)
        metadata = json.loads(session.get_modelmeta().custom_metadata_map["zerokd"])
    except ExportError:
        raise
    except Exception as error:  # ONNX Runtime's errors have no common class
        raise ExportError(f"ONNX Runtime failed: {str(error).strip()[:200]}") from error
    names = [output.name for output in session.get_outputs()]

    def compute_outputs(low: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(names, session.run(names, {"low": low}), strict=True))

    network = TiledNetwork(compute_outputs, metadata["reach"], metadata["iterations"])
    description = f"ONNX Runtime {onnxruntime.__version__}"
    return Engine("onnx", description, network.prepare_image, needs_whole_image=network.receptive_radius is None)


def _build_torch_engine(weights: Path, scale: int, threads: int, plugins: Iterable[Path]) -> Engine:
    import torch

    from zerokd.plugin.discovery import discover_plugins
    from zerokd.student.load import load_trained_model

    if threads:
        torch.set_num_threads(threads)
    model: Any = load_trained_model(weights, discover_plugins(plugins, strict=True)).model
    if "scale_factor" in model.config.model_dump():  # tiles and scaling are done here
        unscaled = type(model)(**{**dict(model.config), "scale_factor": 1}).eval()
        unscaled.load_state_dict(model.state_dict())
        model = unscaled
    network = build_tiled_network(model)
    description = f"PyTorch {torch.__version__}" + (f", curve map at 1/{scale}" if scale > 1 else "")
    if scale > 1 and network.iterations is None:
        raise WeightsError("a scale factor needs a model with a curve map")
    prepare_image = partial(network.prepare_downscaled, factor=scale) if scale > 1 else network.prepare_image
    needs_whole_image = network.receptive_radius is None and scale == 1
    states = NetworkStates(model, network) if model.follow is not None else None
    return Engine("torch", description, prepare_image, needs_whole_image=needs_whole_image, states=states)


def build_tiled_network(model: Any) -> TiledNetwork:
    """A PyTorch model as a network that is computed in tiles, on the CPU without gradient."""
    import torch

    from zerokd.exporters.metadata import find_curve_iterations, find_receptive_radius

    @torch.no_grad()
    def compute_outputs(low: np.ndarray) -> dict[str, np.ndarray]:
        with disable_onednn():
            return {name: output.numpy() for name, output in model(torch.from_numpy(low)).items()}

    if model.measure is None:
        return TiledNetwork(compute_outputs, find_receptive_radius(model), find_curve_iterations(model))

    @torch.no_grad()
    def measure(low: np.ndarray) -> Any:
        with disable_onednn():
            return model.measure(torch.from_numpy(low))

    @torch.no_grad()
    def render(low: np.ndarray, state: Any, region: Region, strength: float) -> np.ndarray:
        with disable_onednn():
            rendered: np.ndarray = model.render(torch.from_numpy(low), state, region, strength).numpy()
        return rendered

    return TiledNetwork(compute_outputs, model.reach, None, measure, render)


@contextmanager
def disable_onednn() -> Iterator[None]:
    """Compute without oneDNN: the last bits of its convolutions depend on the size of the image."""
    import torch

    with warnings.catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False):
        yield


def _export_in_subprocess(
    weights: Path, format_name: str, output: Path, plugins: Iterable[Path], settings: Iterable[str] = ()
) -> None:
    """Export in a process of its own: torch, which an export needs, takes more memory than photos do. Its temporary
    files go into the folder of ``output``."""
    command = [sys.executable, "-m", "zerokd", "export", str(weights), "--format", format_name, "-o", str(output)]
    command += [f"--plugin={path}" for path in plugins] + [f"--set={setting}" for setting in settings]
    environment = scratch_environment(output.parent)
    process = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env=environment)
    if process.returncode:
        reasons = re.findall(r"^(.+) \[[a-z-]+\]$", process.stderr, re.MULTILINE)  # other lines report progress
        raise ExportError(reasons[0][:200] if reasons else f"its export ended with exit code {process.returncode}")
