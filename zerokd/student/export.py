"""Export of a trained model to another format, compared with PyTorch before the file is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from attrs import frozen

from zerokd.errors import ExportError, OutputError, Place, Problem, ZerokdError
from zerokd.files.atomic import remove_stale_temporaries, replace_files, temporary_path
from zerokd.phases import phase
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
)  # (N, H, W) on which every exported file is compared
CHECK_SEED = 0
MAX_LEVEL = 255


class ExporterConfig(ComponentConfig):
    """The exporter of a format, with its config."""

    kind: ClassVar[str] = "exporters"


@frozen
class ExportResult:
    """A written file, its size in bytes with those beside it, and its difference from PyTorch over all shapes; the PSNR
    is in dB."""

    path: Path
    size: int
    max_difference: float
    psnr: float


def build_exporter(use: str, settings: Iterable[str], catalogue: Catalogue) -> Exporter:
    """The exporter of that name, configured by ``key=VALUE`` settings.

    Raises:
        RecipeError: no such exporter exists, or it does not have such a setting.
    """
    place = Place(f"--format {use}")
    document = apply_settings(parse_document("", str(place)), [f"use={use}", *settings])
    table = ExporterConfig(**document.tables)
    try:
        entry, component, config = resolve_component(table, (), document, catalogue)
    except ZerokdError as error:
        raise error.with_place(place) from error
    with attribute_errors(f"exporter {entry.spec.name!r} of {entry.provider}"):
        return component(**dict(config))


def export_model(trained_model: TrainedModel, exporter: Exporter, target: Path) -> ExportResult:
    """Write a model to ``target``, if the written file computes the pixels of PyTorch.

    Raises:
        ExportError: the format cannot hold the model, the file differs from PyTorch, or a package is not installed.
            ``target`` is as it was.
        OutputError: the file cannot be written.
    """
    if target.is_dir():
        raise OutputError(Problem(f"{str(target)!r} is a folder", hints=("name the file: -o FILE",)))
    remove_stale_temporaries([target.parent], [target])
    stem = temporary_path(target).name.partition(".part")[0]
    temporary = target.with_name(f"{stem}.part{exporter.suffix}")  # formats insist on their suffix
    files = dict(zip(exporter.list_files(target), exporter.list_files(temporary), strict=True))
    if len(files) <= len(exporter.companions):
        raise OutputError(Problem(f"{str(target)!r} has the suffix of a file that lies beside it"))
    try:
        max_difference, mean_square = _write_and_compare(trained_model, exporter, temporary)
        size = sum(path.stat().st_size for path in files.values())
        replace_files(files)
    except OSError as error:
        raise OutputError(f"cannot write {str(target)!r}: {error.strerror or error}") from error
    finally:
        for path in files.values():
            path.unlink(missing_ok=True)
    return ExportResult(target, size, max_difference, -10 * float(np.log10(max(mean_square, 1e-12))))


def _write_and_compare(trained_model: TrainedModel, exporter: Exporter, path: Path) -> tuple[float, float]:
    """Write the file and run it: the largest difference and the mean square one."""
    name = type(exporter).__name__
    try:
        with phase(f"exporting to {name}"), attribute_errors(f"exporter {name}", ValueError, ImportError, OSError):
            exporter.write(trained_model.model, path, trained_model.facts)
            enhance = exporter.run(path)
    except ImportError as error:
        extra = "'zerokd[onnx]', or " if path.suffix == ".onnx" else ""
        hint = f"pip install {extra}{error.name or 'that package'}"
        raise ExportError(
            Problem(f"this format needs a package that is not installed: {error}", hints=(hint,))
        ) from error
    except ValueError as error:
        hint = f"the model is {type(trained_model.model).__name__}; onnx holds any model"
        reason = str(error).splitlines()[0][:300]
        raise ExportError(Problem(f"this model has no {name} export: {reason}", hints=(hint,))) from error
    with attribute_errors(f"exporter {name}"), phase("comparing with PyTorch"):
        return compare_with_pytorch(trained_model, enhance, exporter.tolerance)


@torch.no_grad()
def compare_with_pytorch(
    trained_model: TrainedModel, enhance: Callable[[np.ndarray], np.ndarray], tolerance: float
) -> tuple[float, float]:
    """The difference of a function from the model on noise of many shapes and levels: largest and mean square.

    Raises:
        ExportError: it differs by more than ``tolerance``, is not finite, or has another shape.
    """
    generator = np.random.default_rng(CHECK_SEED)
    max_difference, square_sum, count = 0.0, 0.0, 0
    for number, height, width in CHECK_SHAPES:
        levels = generator.random((number, 3, height, width)) * generator.choice([0.1, 0.4, 1.0])
        low = (np.rint(levels * MAX_LEVEL) / MAX_LEVEL).astype(np.float32)
        expected = trained_model.model(torch.from_numpy(low))["enhanced"].numpy()
        enhanced = np.asarray(enhance(low))
        if enhanced.shape != expected.shape:
            text = f"the exported file is wrong: {low.shape} gives {enhanced.shape}"
            raise ExportError(Problem(text, hints=("no file was written",)))
        differences = np.abs(enhanced.astype(np.float64) - expected)
        max_difference = max(max_difference, float(np.nan_to_num(differences, nan=np.inf).max()))
        square_sum, count = square_sum + float((differences**2).sum()), count + differences.size
        if not max_difference <= tolerance:
            text = f"the file differs from PyTorch by {max_difference:.2g} at {number} x {height} x {width} pixels"
            raise ExportError(Problem(f"{text} (tolerance {tolerance:.2g})", hints=("no file was written",)))
    return max_difference, square_sum / count
