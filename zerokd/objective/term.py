"""A loss or metric, bound to the signals that it reads."""

from __future__ import annotations

from attrs import evolve, frozen

from zerokd.errors import Place
from zerokd.plugin.clock import Duration
from zerokd.plugin.contracts import Adapter, Loss, Metric, Schedule


@frozen
class ActiveSteps:
    """The steps of a stage at which a term is computed: from ``begin`` on, before ``until``, one in ``every``."""

    begin: Duration
    until: Duration | None
    every: Duration


@frozen(eq=False)
class BoundTerm:
    """One loss, bound: which signal each port reads, through which adapters, with which weight.

    ``adapter_names`` are the adapters as the recipe writes them, config included: equal ones can be shared between
    terms. ``places`` says where each port is bound, ``written`` which keys of the loss's config the recipe gives.
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
        """The same term with another loss."""
        return evolve(self, loss=loss)

    @property
    def label(self) -> str:
        return f"{self.group}.{self.name}"


@frozen(eq=False)
class BoundMetric:
    """One metric, bound: which signal each port reads. ``places`` says where each port is bound."""

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
