"""A loss or metric, bound to the signals that it reads."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve, frozen

from zerokd.errors import Place
from zerokd.objective.signal_name import SignalName
from zerokd.plugin.clock import Duration
from zerokd.plugin.contracts import Adapter, Loss, Metric, Schedule


@frozen
class ActiveSteps:
    """The steps of a stage that compute a term: from ``begin`` on, before ``until``, one in ``every``."""

    begin: Duration
    until: Duration | None
    every: Duration


@frozen(eq=False)
class BoundTerm:
    """A loss with its weight: the signal that each port reads, through which adapters, at which steps.

    ``use`` is the loss's registered name. ``adapter_names`` are the adapters as the recipe writes them, config
    included: terms share equal ones. ``port_places`` locate the bindings, ``explicit_keys`` are the config keys that
    the recipe sets. A monitored term is computed and logged; it has no part in the objective.
    """

    group: str
    name: str
    use: str
    loss: Loss
    weight: float | Schedule
    bindings: dict[str, str]
    adapters: tuple[Adapter, ...]
    adapter_names: tuple[str, ...]
    when: ActiveSteps | None
    monitor: bool
    place: Place
    port_places: dict[str, Place]
    explicit_keys: tuple[str, ...] = ()

    def with_loss(self, loss: Loss) -> BoundTerm:
        """This term with another loss."""
        return evolve(self, loss=loss)

    @property
    def label(self) -> str:
        return f"{self.group}.{self.name}"


@frozen(eq=False)
class BoundMetric:
    """A metric with the signal that each port reads; ``port_places`` locate the bindings."""

    name: str
    use: str
    metric: Metric
    bindings: dict[str, str]
    place: Place
    port_places: dict[str, Place]

    @property
    def label(self) -> str:
        return f"metrics.{self.name}"


SignalReader = BoundTerm | BoundMetric


def signal_names(readers: Iterable[SignalReader]) -> list[SignalName]:
    """Every signal that these terms or metrics read and every one that it is computed from, arguments first."""
    texts = dict.fromkeys(text for reader in readers for text in reader.bindings.values())
    return list(dict.fromkeys(name for text in texts for name in SignalName.parse(text).walk()))


def signal_owners(readers: Iterable[SignalReader]) -> list[str]:
    """The models that these terms or metrics read."""
    return list(dict.fromkeys(name.owner for name in signal_names(readers) if name.is_of_model))
