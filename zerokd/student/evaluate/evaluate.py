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
from zerokd.plugin.blame import blame
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.component import NONE
from zerokd.plugin.contracts import Metric
from zerokd.plugin.loading import load_component
from zerokd.recipe.build.configure import configure
from zerokd.recipe.build.overrides import override
from zerokd.recipe.schema.recipe import Use
from zerokd.recipe.toml.document import parse_document
from zerokd.student.enhance.inputs import below
from zerokd.student.enhance.photo import SUFFIXES, PictureError, read_picture
from zerokd.student.enhance.tiles import to_float
from zerokd.student.evaluate.cost import Cost, cost_of, machine
from zerokd.student.evaluate.methods import Method
from zerokd.training.step_log import finite

REFERENCED = ("psnr", "ssim", "gt_mean_psnr")
FAITHFUL = ("psnr", "ssim")
UNREFERENCED = ("clipped_share", "color_cast")
GROUPS = {"reference": "against the references", "teacher": "against the teacher", "alone": "of each picture alone"}


@frozen(eq=False)
class Column:
    """A measure: ``group`` says against what, ``better`` which way is good, or nothing."""

    group: str
    name: str
    measure: Callable[[Tensor, Tensor], Tensor]
    better: str = ""
    least: int = 1

    @property
    def key(self) -> str:
        return f"{self.group}.{self.name}"


@frozen(eq=False)
class Evaluation:
    """``values[photo][method][column]``, for every photo that could be measured; ``failed`` names the others."""

    methods: tuple[Method, ...]
    teacher: str
    columns: tuple[Column, ...]
    values: dict[str, dict[str, dict[str, float]]] = field(factory=dict)
    failed: dict[str, str] = field(factory=dict)
    costs: dict[str, Cost] = field(factory=dict)

    def mean(self, method: str, column: Column) -> float:
        """Over all photos."""
        found = [rows[method][column.key] for rows in self.values.values()]
        return sum(found) / len(found)

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain data; what is not a number is null."""
        told: dict[str, Any] = {
            "zerokd": __version__,
            "machine": machine(),
            "teacher": self.teacher or None,
            "columns": {one.key: {"better": one.better or None} for one in self.columns},
            "methods": {
                one.name: {
                    "source": one.source or None,
                    "sha256": one.digest or None,
                    "cost": _plain(self.costs.get(one.name)),
                    "mean": {column.key: self.mean(one.name, column) for column in self.columns},
                }
                for one in self.methods
            },
            "images": self.values,
            "failed": self.failed,
        }
        return dict(finite(told))


def _plain(cost: Cost | None) -> dict[str, float] | None:
    return None if cost is None else {
        "parameters": cost.parameters, "macs_per_pixel": cost.macs, "milliseconds": cost.milliseconds
    }  # fmt: skip


class Measured(Use):
    """A metric with its config, as ``--set NAME.KEY=VALUE`` gives it."""

    kind: ClassVar[str] = "metrics"


def columns_of(
    catalogue: Catalogue, referenced: bool, taught: bool, more: Iterable[str] = (), settings: Sequence[str] = ()
) -> tuple[Column, ...]:
    """What can be measured; ``more`` names metrics, put where their ports belong, ``settings`` configure them.

    Raises:
        RecipeError: there is no such metric, or nothing that its ports could read.
    """
    found = [_column(catalogue, "reference", name) for name in REFERENCED] if referenced else []
    found += [_column(catalogue, "teacher", name) for name in FAITHFUL] if taught else []
    found.append(Column("alone", "brightness", lambda image, _: image.mean(dim=(1, 2, 3))))
    found += [_column(catalogue, "alone", name) for name in UNREFERENCED]
    own = override(parse_document("", "--set"), [*(f"{name}.use={name}" for name in more), *settings])
    for name in own.tables:
        if "use" not in own.tables[name]:
            raise RecipeError(Problem(f"--set {name}...: no --metric {name} is asked for"))
        table = Measured(**own.tables[name])
        _, component, config = configure(table, (name,), own, catalogue)
        targets = [port for port in component.ports if port != _image_port(component)]
        if targets and not (referenced or taught):
            hint = "give --references DIR, or --teacher FILE"
            raise RecipeError(Problem(f"metric {name!r} compares with something: port {targets[0]!r}", hints=(hint,)))
        group = ("reference" if referenced else "teacher") if targets else "alone"
        found.append(_column(catalogue, group, table.use, dict(config)))
    return tuple({one.key: one for one in found}.values())


def _image_port(component: Any) -> str:
    ports = component.ports
    return str(next((name for name, port in ports.items() if port.default == "student.enhanced"), next(iter(ports))))


def _column(catalogue: Catalogue, group: str, name: str, config: Mapping[str, Any] = NONE) -> Column:
    entry = catalogue.find("metrics", name)
    component: Any = load_component(entry)
    image = _image_port(component)
    targets = [port for port in component.ports if port != image]
    if len(targets) > 1:
        raise RecipeError(f"metric {name!r} has the ports {', '.join(component.ports)}; at most two can be read here")
    what = f"metric {entry.spec.name!r} of {entry.provider}"
    with blame(what):
        metric: Metric = component(**config)

    def measure(made: Tensor, target: Tensor) -> Tensor:
        with blame(what):
            return metric(**{image: made}, **dict.fromkeys(targets, target))

    return Column(group, entry.spec.name, measure, metric.better, metric.min_size())


def pairs_of(photos: Path, references: Path | None) -> tuple[list[tuple[str, Path, Path | None]], dict[str, str]]:
    """Name, photo and reference of each, and why others have none. Their names are the same, but for the ending.

    Raises:
        DataError: there is no photo, or no folder.
    """
    for folder in (photos, references):
        if folder is not None and not folder.exists():
            raise DataError(f"{str(folder)!r} does not exist")
    root = photos if photos.is_dir() else photos.parent
    files = sorted(below(photos, SUFFIXES)) if photos.is_dir() else [photos]
    if not files:
        raise DataError(Problem(f"no photo in {str(photos)!r}", hints=(f"looked for {' '.join(SUFFIXES)}",)))
    known: dict[str, Path] = {}
    if references is not None and references.is_dir():
        known = {_stem(path, references): path for path in below(references, SUFFIXES)}
    elif references is not None:
        known = {_stem(path, root): references for path in files[:1] if photos.is_file()}
    found, failed = [], {}
    for path in files:
        name, stem = path.relative_to(root).as_posix(), _stem(path, root)
        if references is not None and stem not in known:
            failed[name] = f"there is no reference {stem}.* in {str(references)!r}"
        else:
            found.append((name, path, known.get(stem)))
    return found, failed


def _stem(path: Path, root: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()


@torch.no_grad()
def evaluate(
    photos: Path,
    references: Path | None,
    methods: Sequence[Method],
    teacher: Method | None,
    columns: tuple[Column, ...],
    tell: Callable[[str, str], None] = lambda name, told: None,
) -> Evaluation:
    """Measure every method on every photo, at its full size, one at a time.

    Raises:
        DataError: no photo could be measured.
    """
    pairs, failed = pairs_of(photos, references)
    found = Evaluation(tuple(methods), teacher.name if teacher else "", columns)
    for name, reason in failed.items():
        found.failed[name] = reason
        tell(name, f"FAILED: {reason}")
    for name, path, reference in pairs:
        try:
            found.values[name] = dict(_measured(path, reference, found, teacher))
            tell(name, "")
        except PictureError as fault:
            found.failed[name] = str(fault)
            tell(name, f"FAILED: {fault}")
    if not found.values:
        raise DataError(f"no photo of {str(photos)!r} could be measured")
    found.costs.update({one.name: cost_of(one.model) for one in methods if one.model is not None})
    return found


def _measured(
    path: Path, reference: Path | None, found: Evaluation, teacher: Method | None
) -> Iterator[tuple[str, dict[str, float]]]:
    low = _image(path)
    targets: dict[str, Tensor] = {"alone": low}
    if reference is not None:
        targets["reference"] = _image(reference)
        if targets["reference"].shape != low.shape:
            sizes = (f"{one.shape[3]}x{one.shape[2]}" for one in (targets["reference"], low))
            raise PictureError("the reference is {}, the photo {}".format(*sizes))
    least = max(column.least for column in found.columns)
    if min(low.shape[2:]) < least:
        raise PictureError(f"{low.shape[3]}x{low.shape[2]} pixels; {least} on a side are the least")
    if teacher is not None:
        targets["teacher"] = teacher.enhance(low)
    for method in found.methods:
        made = targets["teacher"] if method is teacher else method.enhance(low).clamp(0, 1)
        yield method.name, {column.key: _value(column, made, targets) for column in found.columns}


def _value(column: Column, made: Tensor, targets: Mapping[str, Tensor]) -> float:
    return float(column.measure(made, targets[column.group]))


def _image(path: Path) -> Tensor:
    return torch.from_numpy(to_float(read_picture(path).pixels[..., :3]))
