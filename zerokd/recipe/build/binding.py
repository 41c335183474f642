"""Which signal each port of a loss or metric reads, as its table says or its component proposes."""

from __future__ import annotations

from collections.abc import Mapping

from zerokd.errors import KeyPath, did_you_mean
from zerokd.objective.term import BoundMetric
from zerokd.plugin.contracts import Loss, Metric
from zerokd.plugin.specs import Port
from zerokd.recipe.build.builder import Builder
from zerokd.recipe.build.names import RecipeNames
from zerokd.recipe.schema import recipe as schema


def bind_ports(
    builder: Builder,
    names: RecipeNames,
    table: schema.TermConfig | schema.MetricConfig,
    path: KeyPath,
    component: Loss | Metric | None,
) -> dict[str, str]:
    """Port -> signal. A port that is not there, and one that reads nothing, is told; nothing is known of the ports of
    what could not be built."""
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
    written = names.declared(*map(str, path)).get("on", {})
    for port, declared in ports.items():
        if isinstance(written, dict) and port not in written and declared.default is None:
            builder.failed_paths.add(path)
            hint = f'add on = {{ {port} = "owner.signal" }}: {declared.about}'
            builder.report(
                f"port {port!r} of {table.use} is not bound",
                builder.document.key_place(path),
                hint,
                code="unknown-port",
            )
    bound = {port: table.on.get(port, declared.default) for port, declared in ports.items()} | table.on
    return {port: signal for port, signal in bound.items() if signal is not None}


def build_metrics(builder: Builder, recipe: schema.Recipe, names: RecipeNames) -> tuple[BoundMetric, ...]:
    """Every metric that could be built, bound to its signals."""
    found = []
    for name, table in recipe.metrics.items():
        path = ("metrics", name)
        metric = builder.build(table, path)
        on = bind_ports(builder, names, table, path, metric)
        if metric is None or path in builder.failed_paths:
            continue
        place, places = (
            builder.document.key_place(path),
            {port: builder.document.value_place((*path, "on", port)) for port in on},
        )
        found.append(BoundMetric(name, table.use, metric, on, place, places))
    return tuple(found)
