"""Binds each port of a loss or metric to a signal: the one in its table, else the default of the port."""

from __future__ import annotations

from collections.abc import Mapping

from zerokd.errors import KeyPath, did_you_mean
from zerokd.objective.term import BoundMetric
from zerokd.plugin.contracts import Loss, Metric
from zerokd.plugin.ports import Port
from zerokd.recipe.build.builder import Builder
from zerokd.recipe.build.names import RecipeNames
from zerokd.recipe.build.signals import read_signal_name
from zerokd.recipe.schema import recipe as schema


def bind_ports(
    builder: Builder,
    declared_names: RecipeNames,
    table: schema.TermConfig | schema.MetricConfig,
    path: KeyPath,
    component: Loss | Metric | None,
) -> dict[str, str]:
    """The signal of each port. Reports unknown and unbound ports; ``component`` is None if it could not be built."""
    ports: Mapping[str, Port] = {} if component is None else component.ports
    for port in table.on:
        if component is not None and port not in ports:
            hints = did_you_mean(port, ports)
            builder.report(
                f"{table.use} has no port {port!r}",
                builder.document.key_place((*path, "on", port)),
                *hints,
                code="unknown-port",
            )
    table_on = declared_names.declared(*map(str, path)).get("on", {})
    for port, declared in ports.items():
        if isinstance(table_on, dict) and port not in table_on and declared.default is None:
            builder.failed_paths.add(path)
            hint = f'add on = {{ {port} = "owner.signal" }}: {declared.about}'
            builder.report(
                f"port {port!r} of {table.use} is not bound",
                builder.document.key_place(path),
                hint,
                code="unknown-port",
            )
    bound = {port: table.on.get(port, declared.default) for port, declared in ports.items()} | table.on
    names = {
        port: read_signal_name(builder, signal, (*path, "on", port))
        for port, signal in bound.items()
        if signal is not None
    }
    return {port: name for port, name in names.items() if name}


def build_metrics(builder: Builder, recipe: schema.Recipe, names: RecipeNames) -> tuple[BoundMetric, ...]:
    """The metrics that could be built, bound to their signals."""
    metrics = []
    for name, table in recipe.metrics.items():
        path = ("metrics", name)
        metric = builder.build(table, path)
        bindings = bind_ports(builder, names, table, path, metric)
        if metric is None or path in builder.failed_paths:
            continue
        place = builder.document.key_place(path)
        port_places = {port: builder.document.value_place((*path, "on", port)) for port in bindings}
        metrics.append(BoundMetric(name, table.use, metric, bindings, place, port_places))
    return tuple(metrics)
