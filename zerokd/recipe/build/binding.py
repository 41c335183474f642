"""Which signal each port of a loss or metric reads, as its table says or its component proposes."""

from __future__ import annotations

from collections.abc import Mapping

from zerokd.errors import KeyPath, did_you_mean
from zerokd.objective.term import Measure
from zerokd.plugin.contracts import Loss, Metric
from zerokd.plugin.specs import Port
from zerokd.recipe.build.builder import Builder
from zerokd.recipe.build.names import Names
from zerokd.recipe.schema import recipe as schema


def bind(
    builder: Builder, names: Names, table: schema.Term | schema.Metric, path: KeyPath, built: Loss | Metric | None
) -> dict[str, str]:
    """Port -> signal. A port that is not there, and one that reads nothing, is told; nothing is known of the ports of
    what could not be built."""
    ports: Mapping[str, Port] = {} if built is None else built.ports
    for port in table.on:
        if built is not None and port not in ports:
            hints = did_you_mean(port, ports)
            builder.report(
                f"{table.use} has no port {port!r}",
                builder.document.key_place((*path, "on", port)),
                *hints,
                code="unknown-port",
            )
    written = names.within(*map(str, path)).get("on", {})
    for port, declared in ports.items():
        if isinstance(written, dict) and port not in written and declared.default is None:
            builder.unbuilt.add(path)
            hint = f'add on = {{ {port} = "owner.signal" }}: {declared.about}'
            builder.report(
                f"port {port!r} of {table.use} is not bound",
                builder.document.key_place(path),
                hint,
                code="unknown-port",
            )
    bound = {port: table.on.get(port, declared.default) for port, declared in ports.items()} | table.on
    return {port: signal for port, signal in bound.items() if signal is not None}


def build_measures(builder: Builder, recipe: schema.Recipe, names: Names) -> tuple[Measure, ...]:
    """Every metric that could be built, bound to its signals."""
    found = []
    for name, table in recipe.metrics.items():
        path = ("metrics", name)
        metric = builder.build(table, path)
        on = bind(builder, names, table, path, metric)
        if metric is None or path in builder.unbuilt:
            continue
        place, places = (
            builder.document.key_place(path),
            {port: builder.document.value_place((*path, "on", port)) for port in on},
        )
        found.append(Measure(name, table.use, metric, on, place, places))
    return tuple(found)
