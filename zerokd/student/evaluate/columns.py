"""The columns of a comparison: metrics, and what an image is compared with in each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from attrs import frozen
from torch import Tensor

from zerokd.errors import Problem, RecipeError
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.component import EMPTY_MAPPING
from zerokd.plugin.contracts import Metric
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.loading import load_component
from zerokd.recipe.build.configure import resolve_component
from zerokd.recipe.build.overrides import apply_settings
from zerokd.recipe.schema.recipe import ComponentConfig
from zerokd.recipe.toml.document import parse_document

REFERENCE_METRICS = ("psnr", "ssim", "gt_mean_psnr")
TEACHER_METRICS = ("psnr", "ssim")
NO_REFERENCE_METRICS = ("clipped_share", "color_cast")
GROUP_TITLES = {"reference": "against the references", "teacher": "against the teacher", "alone": "without reference"}


@frozen(eq=False)
class MetricColumn:
    """A metric in a table.

    Attributes:
        group: what an image is compared with, a key of ``GROUP_TITLES``.
        better: "higher", "lower", or "" if neither is better.
        min_size: the smallest side, in pixels, that it can measure.
    """

    group: str
    name: str
    measure: Callable[[Tensor, Tensor], Tensor]
    better: str = ""
    min_size: int = 1

    @property
    def key(self) -> str:
        return f"{self.group}.{self.name}"


class RequestedMetricConfig(ComponentConfig):
    """A metric with its config, from ``--metric NAME`` and ``--set NAME.KEY=VALUE``."""

    kind: ClassVar[str] = "metrics"


def build_columns(
    catalogue: Catalogue,
    has_references: bool,
    has_teacher: bool,
    metric_names: Iterable[str] = (),
    settings: Sequence[str] = (),
) -> tuple[MetricColumn, ...]:
    """The columns of the default metrics that apply, and of the requested ones.

    Args:
        metric_names: more metrics; their ports determine their group.
        settings: their config, as ``NAME.KEY=VALUE``.

    Raises:
        RecipeError: no such metric exists, or nothing is there for its ports.
    """
    columns = [_build_column(catalogue, "reference", name) for name in REFERENCE_METRICS] if has_references else []
    columns += [_build_column(catalogue, "teacher", name) for name in TEACHER_METRICS] if has_teacher else []
    columns.append(MetricColumn("alone", "brightness", lambda image, _: image.mean(dim=(1, 2, 3))))
    columns += [_build_column(catalogue, "alone", name) for name in NO_REFERENCE_METRICS]
    document = apply_settings(
        parse_document("", "--set"), [*(f"{name}.use={name}" for name in metric_names), *settings]
    )
    for name, table in document.tables.items():
        if not isinstance(table, Mapping):
            raise RecipeError(Problem(f"--set {name}={table} names no metric", hints=("write METRIC.KEY=VALUE",)))
        if "use" not in table:
            raise RecipeError(Problem(f"--set {name}... needs --metric {name}"))
        requested = RequestedMetricConfig(**table)
        _, component, config = resolve_component(requested, (name,), document, catalogue)
        targets = _find_target_ports(component)
        if targets and not (has_references or has_teacher):
            hint = "give --references DIR, or --teacher FILE"
            text = f"metric {name!r} compares images: nothing is given for port {targets[0]!r}"
            raise RecipeError(Problem(text, hints=(hint,)))
        group = ("reference" if has_references else "teacher") if targets else "alone"
        columns.append(_build_column(catalogue, group, requested.use, dict(config)))
    return tuple({column.key: column for column in columns}.values())


def has_target(catalogue: Catalogue, name: str) -> bool:
    """Whether a metric compares an image with another one."""
    return bool(_find_target_ports(load_component(catalogue.find("metrics", name))))


def _find_image_port(component: Any) -> str:
    ports = component.ports
    return str(next((name for name, port in ports.items() if port.default == "student.enhanced"), next(iter(ports))))


def _find_target_ports(component: Any) -> list[str]:
    """All ports but that of the measured image."""
    return [port for port in component.ports if port != _find_image_port(component)]


def _build_column(
    catalogue: Catalogue, group: str, name: str, config: Mapping[str, Any] = EMPTY_MAPPING
) -> MetricColumn:
    entry = catalogue.find("metrics", name)
    component: Any = load_component(entry)
    image_port, target_ports = _find_image_port(component), _find_target_ports(component)
    if len(target_ports) > 1:
        raise RecipeError(f"metric {name!r} has the ports {', '.join(component.ports)}; zerokd evaluate fills two")
    owner = f"metric {entry.spec.name!r} of {entry.provider}"
    with attribute_errors(owner):
        metric: Metric = component(**config)

    def measure(image: Tensor, target: Tensor) -> Tensor:
        with attribute_errors(owner):
            return metric(**{image_port: image}, **dict.fromkeys(target_ports, target))

    return MetricColumn(group, entry.spec.name, measure, metric.better, metric.min_size())
