"""What models are worth on photos, beside what takes no model at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from attrs import field, frozen
from torch import Tensor

from zerokd._version import __version__
from zerokd.errors import DataError, Problem, RecipeError
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.component import EMPTY_MAPPING
from zerokd.plugin.contracts import Metric
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.loading import load_component
from zerokd.recipe.build.configure import resolve_component
from zerokd.recipe.build.overrides import apply_settings
from zerokd.recipe.schema.recipe import ComponentConfig
from zerokd.recipe.toml.document import parse_document
from zerokd.student.enhance.inputs import find_files
from zerokd.student.enhance.photo import PHOTO_SUFFIXES, MediaError, load_photo
from zerokd.student.enhance.tiles import pixels_to_float
from zerokd.student.evaluate.cost import ModelCost, describe_machine, measure_cost
from zerokd.student.evaluate.methods import Method
from zerokd.training.step_log import replace_nonfinite

REFERENCE_METRICS = ("psnr", "ssim", "gt_mean_psnr")
TEACHER_METRICS = ("psnr", "ssim")
NO_REFERENCE_METRICS = ("clipped_share", "color_cast")
GROUP_TITLES = {
    "reference": "against the references",
    "teacher": "against the teacher",
    "alone": "of each picture alone",
}


@frozen(eq=False)
class MetricColumn:
    """A measure: ``group`` says against what, ``better`` which way is good, or nothing."""

    group: str
    name: str
    measure: Callable[[Tensor, Tensor], Tensor]
    better: str = ""
    min_size: int = 1

    @property
    def key(self) -> str:
        return f"{self.group}.{self.name}"


@frozen(eq=False)
class PhotoEvaluation:
    """``values[photo][method][column]``, for every photo that could be measured; ``failed`` names the others."""

    methods: tuple[Method, ...]
    teacher: str
    columns: tuple[MetricColumn, ...]
    values: dict[str, dict[str, dict[str, float]]] = field(factory=dict)
    failures: dict[str, str] = field(factory=dict)
    costs: dict[str, ModelCost] = field(factory=dict)

    def mean(self, method: str, column: MetricColumn) -> float:
        """Over all photos."""
        found = [rows[method][column.key] for rows in self.values.values()]
        return sum(found) / len(found)

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain data; what is not a number is null."""
        told: dict[str, Any] = {
            "zerokd": __version__,
            "machine": describe_machine(),
            "teacher": self.teacher or None,
            "columns": {one.key: {"better": one.better or None} for one in self.columns},
            "methods": {
                method.name: {
                    "source": method.source or None,
                    "sha256": method.digest or None,
                    "cost": _cost_to_json(self.costs.get(method.name)),
                    "mean": {column.key: self.mean(method.name, column) for column in self.columns},
                }
                for method in self.methods
            },
            "images": self.values,
            "failed": self.failures,
        }
        return dict(replace_nonfinite(told))


def _cost_to_json(cost: ModelCost | None) -> dict[str, float] | None:
    return None if cost is None else {
        "parameters": cost.parameters, "macs_per_pixel": cost.macs_per_pixel, "milliseconds": cost.milliseconds
    }  # fmt: skip


class RequestedMetricConfig(ComponentConfig):
    """A metric with its config, as ``--set NAME.KEY=VALUE`` gives it."""

    kind: ClassVar[str] = "metrics"


def build_columns(
    catalogue: Catalogue,
    has_references: bool,
    has_teacher: bool,
    metric_names: Iterable[str] = (),
    settings: Sequence[str] = (),
) -> tuple[MetricColumn, ...]:
    """What can be measured; ``more`` names metrics, put where their ports belong, ``settings`` configure them.

    Raises:
        RecipeError: there is no such metric, or nothing that its ports could read.
    """
    found = [_build_column(catalogue, "reference", name) for name in REFERENCE_METRICS] if has_references else []
    found += [_build_column(catalogue, "teacher", name) for name in TEACHER_METRICS] if has_teacher else []
    found.append(MetricColumn("alone", "brightness", lambda image, _: image.mean(dim=(1, 2, 3))))
    found += [_build_column(catalogue, "alone", name) for name in NO_REFERENCE_METRICS]
    own = apply_settings(parse_document("", "--set"), [*(f"{name}.use={name}" for name in metric_names), *settings])
    for name in own.tables:
        if "use" not in own.tables[name]:
            raise RecipeError(Problem(f"--set {name}...: no --metric {name} is asked for"))
        table = RequestedMetricConfig(**own.tables[name])
        _, component, config = resolve_component(table, (name,), own, catalogue)
        targets = [port for port in component.ports if port != _find_image_port(component)]
        if targets and not (has_references or has_teacher):
            hint = "give --references DIR, or --teacher FILE"
            raise RecipeError(Problem(f"metric {name!r} compares with something: port {targets[0]!r}", hints=(hint,)))
        group = ("reference" if has_references else "teacher") if targets else "alone"
        found.append(_build_column(catalogue, group, table.use, dict(config)))
    return tuple({one.key: one for one in found}.values())


def _find_image_port(component: Any) -> str:
    ports = component.ports
    return str(next((name for name, port in ports.items() if port.default == "student.enhanced"), next(iter(ports))))


def _build_column(
    catalogue: Catalogue, group: str, name: str, config: Mapping[str, Any] = EMPTY_MAPPING
) -> MetricColumn:
    entry = catalogue.find("metrics", name)
    component: Any = load_component(entry)
    image = _find_image_port(component)
    targets = [port for port in component.ports if port != image]
    if len(targets) > 1:
        raise RecipeError(f"metric {name!r} has the ports {', '.join(component.ports)}; at most two can be read here")
    what = f"metric {entry.spec.name!r} of {entry.provider}"
    with attribute_errors(what):
        metric: Metric = component(**config)

    def measure(made: Tensor, target: Tensor) -> Tensor:
        with attribute_errors(what):
            return metric(**{image: made}, **dict.fromkeys(targets, target))

    return MetricColumn(group, entry.spec.name, measure, metric.better, metric.min_size())


def pair_photos(photos: Path, references: Path | None) -> tuple[list[tuple[str, Path, Path | None]], dict[str, str]]:
    """Name, photo and reference of each, and why others have none. Their names are the same, but for the ending.

    Raises:
        DataError: there is no photo, or no folder.
    """
    for folder in (photos, references):
        if folder is not None and not folder.exists():
            raise DataError(f"{str(folder)!r} does not exist")
    root = photos if photos.is_dir() else photos.parent
    files = sorted(find_files(photos, PHOTO_SUFFIXES)) if photos.is_dir() else [photos]
    if not files:
        raise DataError(Problem(f"no photo in {str(photos)!r}", hints=(f"looked for {' '.join(PHOTO_SUFFIXES)}",)))
    known: dict[str, Path] = {}
    if references is not None and references.is_dir():
        known = {_relative_stem(path, references): path for path in find_files(references, PHOTO_SUFFIXES)}
    elif references is not None:
        known = {_relative_stem(path, root): references for path in files[:1] if photos.is_file()}
    found, failed = [], {}
    for path in files:
        name, stem = path.relative_to(root).as_posix(), _relative_stem(path, root)
        if references is not None and stem not in known:
            failed[name] = f"there is no reference {stem}.* in {str(references)!r}"
        else:
            found.append((name, path, known.get(stem)))
    return found, failed


def _relative_stem(path: Path, root: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()


@torch.no_grad()
def evaluate_methods(
    photos: Path,
    references: Path | None,
    methods: Sequence[Method],
    teacher: Method | None,
    columns: tuple[MetricColumn, ...],
    report: Callable[[str, str], None] = lambda name, told: None,
) -> PhotoEvaluation:
    """Measure every method on every photo, at its full size, one at a time.

    Raises:
        DataError: no photo could be measured.
    """
    pairs, failed = pair_photos(photos, references)
    found = PhotoEvaluation(tuple(methods), teacher.name if teacher else "", columns)
    for name, reason in failed.items():
        found.failures[name] = reason
        report(name, f"FAILED: {reason}")
    for name, path, reference in pairs:
        try:
            found.values[name] = dict(_measure_photo(path, reference, found, teacher))
            report(name, "")
        except MediaError as error:
            found.failures[name] = str(error)
            report(name, f"FAILED: {error}")
    if not found.values:
        raise DataError(f"no photo of {str(photos)!r} could be measured")
    found.costs.update({method.name: measure_cost(method.model) for method in methods if method.model is not None})
    return found


def _measure_photo(
    path: Path, reference: Path | None, evaluation: PhotoEvaluation, teacher: Method | None
) -> Iterator[tuple[str, dict[str, float]]]:
    low = _load_image(path)
    targets: dict[str, Tensor] = {"alone": low}
    if reference is not None:
        targets["reference"] = _load_image(reference)
        if targets["reference"].shape != low.shape:
            sizes = (f"{one.shape[3]}x{one.shape[2]}" for one in (targets["reference"], low))
            raise MediaError("the reference is {}, the photo {}".format(*sizes))
    least = max(column.min_size for column in evaluation.columns)
    if min(low.shape[2:]) < least:
        raise MediaError(f"{low.shape[3]}x{low.shape[2]} pixels; {least} on a side are the least")
    if teacher is not None:
        targets["teacher"] = teacher.enhance(low)
    for method in evaluation.methods:
        made = targets["teacher"] if method is teacher else method.enhance(low).clamp(0, 1)
        yield method.name, {column.key: _measure_column(column, made, targets) for column in evaluation.columns}


def _measure_column(column: MetricColumn, image: Tensor, targets: Mapping[str, Tensor]) -> float:
    return float(column.measure(image, targets[column.group]))


def _load_image(path: Path) -> Tensor:
    return torch.from_numpy(pixels_to_float(load_photo(path).pixels[..., :3]))
