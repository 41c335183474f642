"""Models measured on photos, beside baselines that need no model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from attrs import asdict, define, field
from torch import Tensor

from zerokd._version import __version__
from zerokd.errors import DataError, Problem
from zerokd.files.photo_format import MediaError, readable_suffixes
from zerokd.phases import phase
from zerokd.student.enhance.inputs import FileReport, FileStatus, find_files
from zerokd.student.enhance.photo import load_photo
from zerokd.student.enhance.tiles import pixels_to_float
from zerokd.student.evaluate.columns import MetricColumn
from zerokd.student.evaluate.cost import ModelCost, describe_machine, measure_cost
from zerokd.student.evaluate.methods import Method
from zerokd.training.step_log import replace_nonfinite

TRAINING_FACTS = ("recipe", "seed")  # of a model's file


@define(eq=False)
class PhotoEvaluation:
    """All measurements: ``values[photo][method][column]``. ``failures`` has the reason for each photo without any, and
    ``command`` repeats the evaluation."""

    methods: tuple[Method, ...]
    teacher: str
    columns: tuple[MetricColumn, ...]
    photos: str = ""
    references: str | None = None
    command: str = ""
    values: dict[str, dict[str, dict[str, float]]] = field(factory=dict)
    failures: dict[str, str] = field(factory=dict)
    costs: dict[str, ModelCost] = field(factory=dict)

    def mean(self, method: str, column: MetricColumn) -> float:
        """The mean of a column over all photos."""
        values = [rows[method][column.key] for rows in self.values.values()]
        return sum(values) / len(values)

    def as_json(self) -> dict[str, Any]:
        """Everything as plain data; NaN and infinities become null."""
        return dict(
            replace_nonfinite(
                {
                    "zerokd": __version__,
                    "machine": describe_machine(),
                    "command": self.command or None,
                    "photos": self.photos,
                    "references": self.references,
                    "teacher": self.teacher or None,
                    "columns": {column.key: {"better": column.better or None} for column in self.columns},
                    "methods": {method.name: self._method_to_json(method) for method in self.methods},
                    "images": self.values,
                    "failed": self.failures,
                }
            )
        )

    def _method_to_json(self, method: Method) -> dict[str, Any]:
        cost = self.costs.get(method.name)
        return {
            "source": method.source or None,
            "sha256": method.digest or None,
            "training": {key: method.facts[key] for key in TRAINING_FACTS if key in method.facts},
            "cost": None if cost is None else asdict(cost),
            "mean": {column.key: self.mean(method.name, column) for column in self.columns},
        }


def pair_photos(photos: Path, references: Path | None) -> tuple[list[tuple[str, Path, Path | None]], dict[str, str]]:
    """Name, photo and reference of each pair, and by name the reason for photos without one.

    A reference has the path of its photo below its folder; the suffix may differ.

    Raises:
        DataError: a path does not exist, or there is no photo.
    """
    for path in (photos, references):
        if path is not None and not path.exists():
            raise DataError(f"{str(path)!r} does not exist")
    root = photos if photos.is_dir() else photos.parent
    files = sorted(find_files(photos, readable_suffixes())) if photos.is_dir() else [photos]
    if not files:
        raise DataError(Problem(f"no photo in {str(photos)!r}", hints=(f"looked for {' '.join(readable_suffixes())}",)))
    reference_by_stem: dict[str, Path] = {}
    if references is not None and references.is_dir():
        candidates = find_files(references, readable_suffixes())
        reference_by_stem = {_relative_stem(path, references): path for path in candidates}
    elif references is not None:
        reference_by_stem = {_relative_stem(path, root): references for path in files[:1] if photos.is_file()}
    pairs, failures = [], {}
    for path in files:
        name, stem = path.relative_to(root).as_posix(), _relative_stem(path, root)
        if references is not None and stem not in reference_by_stem:
            failures[name] = f"there is no reference {stem}.* in {str(references)!r}"
        else:
            pairs.append((name, path, reference_by_stem.get(stem)))
    return pairs, failures


def _relative_stem(path: Path, root: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()


@torch.no_grad()
def evaluate_methods(
    photos: Path,
    references: Path | None,
    methods: Sequence[Method],
    teacher: Method | None,
    columns: tuple[MetricColumn, ...],
    report: Callable[[FileReport], None] = lambda file_report: None,
) -> PhotoEvaluation:
    """Measure every method on every photo in full size, one photo at a time; :func:`measure_costs` does the rest.

    Raises:
        DataError: no photo could be measured.
    """
    pairs, failures = pair_photos(photos, references)
    evaluation = PhotoEvaluation(tuple(methods), teacher.name if teacher else "", columns, str(photos))
    evaluation.failures |= failures
    evaluation.references = None if references is None else str(references)
    for name, reason in failures.items():
        report(FileReport(name, FileStatus.FAILED, reason))
    for name, path, reference in pairs:
        try:
            evaluation.values[name] = dict(_measure_photo(path, reference, evaluation, teacher))
            report(FileReport(name, FileStatus.DONE))
        except MediaError as error:
            evaluation.failures[name] = str(error)
            report(FileReport(name, FileStatus.FAILED, str(error)))
    if not evaluation.values:
        raise DataError(f"no photo of {str(photos)!r} could be measured")
    return evaluation


def measure_costs(methods: Iterable[Method]) -> dict[str, ModelCost]:
    """The cost of each method that is a model."""
    costs = {}
    for method in methods:
        if method.model is not None:
            with phase(f"timing {method.name}"):
                costs[method.name] = measure_cost(method.model)
    return costs


def _measure_photo(
    path: Path, reference: Path | None, evaluation: PhotoEvaluation, teacher: Method | None
) -> Iterator[tuple[str, dict[str, float]]]:
    low = _load_image(path)
    targets: dict[str, Tensor] = {"alone": low}
    if reference is not None:
        targets["reference"] = _load_image(reference)
        if targets["reference"].shape != low.shape:
            raise MediaError(f"the reference is {_format_size(targets['reference'])}, the photo {_format_size(low)}")
    min_size = max(column.min_size for column in evaluation.columns)
    if min(low.shape[2:]) < min_size:
        raise MediaError(f"{_format_size(low)} pixels; the metrics need at least {min_size} on a side")
    if teacher is not None:
        targets["teacher"] = teacher.enhance(low)
    for method in evaluation.methods:
        image = targets["teacher"] if method is teacher else method.enhance(low).clamp(0, 1)
        values = {column.key: float(column.measure(image, targets[column.group])) for column in evaluation.columns}
        yield method.name, values


def _format_size(image: Tensor) -> str:
    return f"{image.shape[3]}x{image.shape[2]}"


def _load_image(path: Path) -> Tensor:
    return torch.from_numpy(pixels_to_float(load_photo(path).pixels[..., :3]))
