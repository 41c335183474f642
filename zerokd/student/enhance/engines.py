"""What computes the pixels: the student compiled to C, onnxruntime, or PyTorch; the fastest that is there."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.resources import files
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Literal

import numpy as np
from attrs import evolve, frozen
from safetensors import SafetensorError, safe_open

from zerokd._version import __version__
from zerokd.errors import ExportError, Problem, WeightsError
from zerokd.exporters.c_library import compile_header, find_compiler, load_rows_function
from zerokd.files.cache import cache_folder
from zerokd.files.machine import processor_flags
from zerokd.student.enhance.tiles import BandFunction, TiledNetwork

EngineName = Literal["c", "onnx", "torch"]
ENGINE_NAMES: tuple[EngineName, ...] = ("c", "onnx", "torch")
MAX_C_PARAMETERS = 2000  # parameters; each is a literal, and a wide network is faster where matrices are multiplied
CACHE_KEY_FILES = (
    "c_code.py",
    "c_header.txt",
    "c_library.py",
    "traced_program.py",
    "onnx.py",
    "metadata.py",
)  # decide what is kept


@frozen(eq=False)
class Engine:
    """``start(image, strength)`` gives what computes bands of rows; ``parallel`` bands may be computed at once, and
    ``whole`` says that an image is one band. ``notes`` tell why faster engines are not used."""

    name: EngineName
    description: str
    prepare_image: Callable[[np.ndarray, float], BandFunction]
    allows_parallel_bands: bool = False
    needs_whole_image: bool = False
    notes: tuple[str, ...] = ()


def choose_engine(
    weights: Path, requested: str = "auto", scale: int = 0, threads: int = 0, plugins: Iterable[Path] = ()
) -> Engine:
    """The fastest engine for a student's file, or the one that was asked for.

    ``scale`` above 1 estimates the curve map at a fraction of the size; 0 is what the model itself says. ``threads`` is
    how many onnxruntime and PyTorch may take; 0 leaves that to them.

    Raises:
        WeightsError: the file cannot be used.
        ExportError: the engine that was asked for is not there, or cannot run such a model.
    """
    size, config = read_student_header(weights)
    scale = scale or int(config.get("scale_factor", 1))
    notes: list[str] = []
    for name in ENGINE_NAMES if requested == "auto" else (requested,):
        try:
            if name == "c":
                engine = _build_c_engine(weights, size, scale, plugins)
            elif name == "onnx":
                engine = _build_onnx_engine(weights, scale, threads, plugins)
            else:
                engine = _build_torch_engine(weights, scale, threads, plugins)
            return evolve(engine, notes=tuple(notes))
        except ExportError as error:
            if requested != "auto":
                raise
            notes.append(f"{name} is not used: {error.problems[0].message}")
    raise AssertionError("PyTorch runs every model")


def read_student_header(weights: Path) -> tuple[int, dict[str, Any]]:
    """The number of parameters in a file, and the model's config; without torch, which takes seconds."""
    try:
        if not weights.is_file():
            raise WeightsError(
                f"weights file {str(weights)!r} {'is a folder' if weights.is_dir() else 'does not exist'}"
            )
        with safe_open(weights, framework="np") as file:
            facts = json.loads((file.metadata() or {}).get("zerokd", "{}"))
            size = sum(int(np.prod(file.get_slice(key).get_shape())) for key in file.keys())  # noqa: SIM118
        return size, dict(facts["architecture"]["config"])
    except (SafetensorError, OSError, ValueError, LookupError, TypeError) as error:
        told = (str(error) or type(error).__name__).splitlines()[0][:100]
        hint = "give a student.safetensors that `zerokd run` wrote"
        raise WeightsError(Problem(f"{str(weights)!r} is not a student's file: {told}", hints=(hint,))) from error


def _build_c_engine(weights: Path, parameter_count: int, scale: int, plugins: Iterable[Path]) -> Engine:
    command = find_compiler()
    if command is None:
        raise ExportError("there is no C compiler")
    if scale > 1:
        raise ExportError("it has no scale factor")
    if parameter_count > MAX_C_PARAMETERS:
        raise ExportError(f"{parameter_count} parameters are more than {MAX_C_PARAMETERS}")

    def make(library: Path) -> None:
        header = library.with_suffix(".h")
        _export_in_subprocess(weights, "c", header, plugins)
        try:
            compile_header(header.read_text(encoding="utf-8"), "student", library)
        except ValueError as error:
            raise ExportError(str(error)) from error
        finally:
            header.unlink(missing_ok=True)

    rows = load_rows_function(_get_or_build_file(weights, f"{command[0]}{processor_flags()}", ".so", make), "student")

    def start(image: np.ndarray, strength: float) -> BandFunction:
        return lambda to, first, last: rows(image, to, strength, first, last)

    return Engine("c", f"C, compiled by {Path(command[0]).name}", start, allows_parallel_bands=True)


def _build_onnx_engine(weights: Path, scale: int, threads: int, plugins: Iterable[Path]) -> Engine:
    try:
        import onnxruntime
    except ImportError:
        raise ExportError("onnxruntime is not installed") from None
    if scale > 1:
        raise ExportError("it has no scale factor")
    path = _get_or_build_file(weights, "", ".onnx", lambda to: _export_in_subprocess(weights, "onnx", to, plugins))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["zerokd"])
    names = [get_output.name for get_output in session.get_outputs()]

    def outputs(low: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(names, session.run(names, {"low": low}), strict=True))

    network = TiledNetwork(outputs, about["reach"], about["iterations"])
    return Engine(
        "onnx",
        f"onnxruntime {onnxruntime.__version__}",
        network.prepare_image,
        needs_whole_image=network.receptive_radius is None,
    )


def _build_torch_engine(weights: Path, scale: int, threads: int, plugins: Iterable[Path]) -> Engine:
    import torch

    from zerokd.plugin.discovery import discover_plugins
    from zerokd.student.load import load_trained_model

    if threads:
        torch.set_num_threads(threads)
    model: Any = load_trained_model(weights, discover_plugins(plugins, strict=True)).model
    if "scale_factor" in model.config.model_dump():  # tiles and scaling are done here
        plain = type(model)(**{**dict(model.config), "scale_factor": 1}).eval()
        plain.load_state_dict(model.state_dict())
        model = plain
    network = build_tiled_network(model)
    about = f"PyTorch {torch.__version__}" + (f", curve map at 1/{scale}" if scale > 1 else "")
    if scale > 1 and network.iterations is None:
        raise WeightsError("a scale factor needs a model with a curve map")
    start = partial(network.prepare_downscaled, factor=scale) if scale > 1 else network.prepare_image
    return Engine("torch", about, start, needs_whole_image=network.receptive_radius is None and scale == 1)


def build_tiled_network(model: Any) -> TiledNetwork:
    """A PyTorch model as something that is computed in tiles."""
    import torch

    from zerokd.exporters.metadata import find_curve_iterations, find_receptive_radius

    @torch.no_grad()
    def outputs(low: np.ndarray) -> dict[str, np.ndarray]:
        with disable_onednn():
            return {name: made.numpy() for name, made in model(torch.from_numpy(low)).items()}

    return TiledNetwork(outputs, find_receptive_radius(model), find_curve_iterations(model))


@contextmanager
def disable_onednn() -> Iterator[None]:
    """Without oneDNN, the last bits of whose convolutions depend on the size of the image."""
    import torch

    with warnings.catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False):
        yield


def _get_or_build_file(weights: Path, extra_key: str, suffix: str, build: Callable[[Path], None]) -> Path:
    """A file made of the weights once, and kept in the cache."""
    digest = hashlib.sha256(weights.read_bytes() + f"{__version__} {platform.machine()} {extra_key}".encode())
    for name in CACHE_KEY_FILES:
        digest.update(files("zerokd.exporters").joinpath(name).read_bytes())
    folder = cache_folder() / "engines"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(mkdtemp(prefix="zerokd-"))  # made anew each time, then
    path = folder / f"{digest.hexdigest()[:32]}{suffix}"
    if not path.exists():
        fresh = path.with_name(f".{path.stem}.{os.getpid()}{suffix}")
        try:
            build(fresh)
            os.replace(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
    return path


def _export_in_subprocess(weights: Path, format_name: str, output: Path, plugins: Iterable[Path]) -> None:
    """Write the file of an engine in a process of its own: torch, which it takes, holds more memory than photos do."""
    command = [sys.executable, "-m", "zerokd", "export", str(weights), "--format", format_name, "-o", str(output)]
    command += [f"--plugin={path}" for path in plugins]
    made = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if made.returncode:
        told = made.stderr.strip().splitlines()
        raise ExportError(told[0][:200] if told else f"its export ended with exit code {made.returncode}")
