"""A trained model written for another world: checked against PyTorch there, before anyone gets the file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from attrs import frozen

from zerokd.errors import ExportError, OutputError, Place, Problem
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.contracts import Exporter
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.recipe.build.configure import resolve_component
from zerokd.recipe.build.overrides import apply_settings
from zerokd.recipe.schema.recipe import ComponentConfig
from zerokd.recipe.toml.document import parse_document
from zerokd.student.load import TrainedModel

CHECK_SHAPES = (
    *((1, height, width) for height, width in ((1, 1), (1, 7), (9, 1), (2, 2), (3, 5), (5, 3), (8, 8), (13, 17))),
    *((1, height, width) for height, width in ((32, 32), (31, 33), (64, 48), (48, 65), (100, 7), (7, 300), (128, 257))),
    *((2, height, width) for height, width in ((4, 4), (16, 24), (33, 31))),
    *((3, height, width) for height, width in ((6, 11), (40, 40))),
)  # (N, H, W) that every file is tried on
CHECK_SEED = 0
MAX_LEVEL = 255


class ExporterConfig(ComponentConfig):
    """What an export is written with: the name of an exporter, and its config."""

    kind: ClassVar[str] = "exporters"


@frozen
class ExportResult:
    """A file that was written, and how far it is from PyTorch: largest difference, and PSNR in dB, over all shapes."""

    path: Path
    size: int
    max_difference: float
    psnr: float


def build_exporter(use: str, settings: Iterable[str], catalogue: Catalogue) -> Exporter:
    """The exporter of that name, with ``key=VALUE`` settings.

    Raises:
        RecipeError: there is no such exporter, or a setting is none of its own.
    """
    document = apply_settings(parse_document("", f"--format {use}"), [f"use={use}", *settings])
    table = ExporterConfig(**document.tables)
    try:
        entry, component, config = resolve_component(table, (), document, catalogue)
    except Exception as error:
        raise error.at(Place(f"--format {use}")) if hasattr(error, "at") else error from None
    with attribute_errors(f"exporter {entry.spec.name!r} of {entry.provider}"):
        return component(**dict(config))


def export_model(trained_model: TrainedModel, exporter: Exporter, target: Path) -> ExportResult:
    """Write the model to ``path`` when what is written gives PyTorch's pixels, and nothing otherwise.

    Raises:
        ExportError: the format cannot hold such a model, the file differs, or a package is not installed.
        OutputError: the file cannot be written.
    """
    if target.is_dir():
        raise OutputError(Problem(f"{str(target)!r} is a folder", hints=("name the file: -o FILE",)))
    fresh = target.with_name(f".{target.stem}.{os.getpid()}{exporter.suffix}")
    try:
        difference, error = _write_and_compare(trained_model, exporter, fresh)
        size = fresh.stat().st_size
        os.replace(fresh, target)
    except OSError as fault:
        raise OutputError(f"cannot write {str(target)!r}: {fault.strerror or fault}") from fault
    finally:
        fresh.unlink(missing_ok=True)
    return ExportResult(target, size, difference, -10 * float(np.log10(max(error, 1e-12))))


def _write_and_compare(trained_model: TrainedModel, exporter: Exporter, output: Path) -> tuple[float, float]:
    """Write, and run what was written; the largest and the mean square difference."""
    name = type(exporter).__name__
    try:
        with attribute_errors(f"exporter {name}", ValueError, ImportError, OSError):
            exporter.write(trained_model.model, output, trained_model.facts)
            enhance = exporter.run(output)
    except ImportError as error:
        hint = f"pip install 'zerokd[{output.suffix[1:]}]', or {error.name or 'that package'} alone"
        raise ExportError(Problem(f"this format needs a package that is missing: {error}", hints=(hint,))) from error
    except ValueError as error:
        told = str(error).splitlines()[0][:300]
        text = f"{type(trained_model.model).__name__} cannot be written in this format: {told}"
        raise ExportError(Problem(text, hints=("onnx and pt2 hold any model",))) from error
    with attribute_errors(f"exporter {name}"):
        return compare_with_pytorch(trained_model, enhance, exporter.tolerance)


@torch.no_grad()
def compare_with_pytorch(
    trained_model: TrainedModel, enhance: Callable[[np.ndarray], np.ndarray], tolerance: float
) -> tuple[float, float]:
    """How far a function is from the model on images of many shapes, dark ones and noise: largest and mean square.

    Raises:
        ExportError: it differs by more than ``tolerance``, is not finite, or has another size.
    """
    generator = np.random.default_rng(CHECK_SEED)
    worst, squares, count = 0.0, 0.0, 0
    for number, height, width in CHECK_SHAPES:
        levels = generator.random((number, 3, height, width)) * generator.choice([0.1, 0.4, 1.0])
        low = (np.rint(levels * MAX_LEVEL) / MAX_LEVEL).astype(np.float32)
        wanted = trained_model.model(torch.from_numpy(low))["enhanced"].numpy()
        made: Any = np.asarray(enhance(low))
        if made.shape != wanted.shape:
            raise ExportError(
                f"the file is wrong: {low.shape} gives {made.shape}, not {wanted.shape}; nothing was kept"
            )
        differences = np.abs(made.astype(np.float64) - wanted)
        worst = max(worst, float(np.nan_to_num(differences, nan=np.inf).max()))
        squares, count = squares + float((differences**2).sum()), count + differences.size
        if not worst <= tolerance:
            text = f"the file differs from PyTorch by {worst:.2g} at {number} x {height} x {width} pixels"
            raise ExportError(Problem(f"{text}; at most {tolerance:.2g} is allowed", hints=("nothing was kept",)))
    return worst, squares / count
