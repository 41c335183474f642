"""What a plugin registers: frozen records that name a component without importing it."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

from attrs import field, frozen, validators


def _validate_summary(record: Any, attribute: Any, value: Any) -> None:
    """Nothing that moves a cursor or changes a colour where it is listed."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"summary is {value!r}, not one line of printable text")


@frozen
class Spec:
    """A component's name, where its class is found (``"package.module:Class"``), and one line about it."""

    kind: ClassVar[str]

    name: str = field(validator=validators.matches_re(r"[a-z][a-z0-9_]*"))
    target: str = field(kw_only=True, validator=validators.matches_re(r"[\w.]+:\w+"))
    summary: str = field(kw_only=True, validator=_validate_summary)

    def load(self) -> Any:
        """Import the class; the first moment at which the plugin's own imports (torch, ...) are paid for."""
        module, _, attribute = self.target.partition(":")
        return getattr(importlib.import_module(module), attribute)


@frozen
class LossSpec(Spec):
    kind = "losses"


@frozen
class AdapterSpec(Spec):
    kind = "adapters"


@frozen
class StageSpec(Spec):
    kind = "stages"


@frozen
class ModelSpec(Spec):
    """``bundled`` names weights shipped with the plugin, ``"package:file.safetensors"``: ``weights = "bundled"``."""

    kind = "models"

    bundled: str | None = field(default=None, kw_only=True)


@frozen
class DataSpec(Spec):
    kind = "data"


@frozen
class AugmentationSpec(Spec):
    kind = "augmentations"


@frozen
class ScheduleSpec(Spec):
    kind = "schedules"


@frozen
class MetricSpec(Spec):
    kind = "metrics"


@frozen
class AggregatorSpec(Spec):
    kind = "aggregators"


@frozen
class ObserverSpec(Spec):
    kind = "observers"


@frozen
class ExporterSpec(Spec):
    kind = "exporters"


KINDS: dict[str, type[Spec]] = {
    spec.kind: spec
    for spec in (
        LossSpec,
        AdapterSpec,
        StageSpec,
        ModelSpec,
        DataSpec,
        AugmentationSpec,
        ScheduleSpec,
        MetricSpec,
        AggregatorSpec,
        ObserverSpec,
        ExporterSpec,
    )
}
SINGULAR = {
    "losses": "loss",
    "adapters": "adapter",
    "stages": "stage",
    "models": "model",
    "data": "data source",
    "augmentations": "augmentation",
    "schedules": "schedule",
    "metrics": "metric",
    "aggregators": "aggregator",
    "observers": "observer",
    "exporters": "exporter",
}


@frozen
class Signal:
    """What is known of a named tensor before the first step.

    ``shape`` is (C, H, W) for one image, ``range`` the closed interval its values lie in (None: unbounded),
    ``iterations`` how many times a curve map is applied (None: not a curve map), and ``unchanged`` the one value that
    it has where the model returns its input as it is (None: there is no such value).
    """

    shape: tuple[int, ...] = ()
    range: tuple[float, float] | None = None
    iterations: int | None = None
    unchanged: float | None = None


@frozen
class Port:
    """One keyword argument of a loss or metric: a tensor (N, C, H, W).

    ``about`` says what it is; ``range`` is the interval its values must lie in (None: any); ``grad`` that gradient must
    reach the student through it; ``default`` the signal it reads when the recipe's ``on`` does not say; ``like``
    another port whose shape it must share; ``channels`` how many it must have (None: any number); ``example``, of a
    port without default, a signal of recipes/paper.toml that is worth showing.
    """

    about: str
    range: tuple[float, float] | None = None
    grad: bool = False
    default: str | None = None
    like: str | None = None
    channels: int | None = None
    example: str | None = None
