"""The aggregator of a stage, started with the labels of the terms that train in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zerokd.errors import KeyPath
from zerokd.objective.term import BoundTerm
from zerokd.plugin.clock import Clock
from zerokd.plugin.contracts import Aggregator
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.recipe.build.builder import Builder
from zerokd.recipe.schema import recipe as schema


def build_aggregator(
    builder: Builder, table: schema.StageConfig, stage_path: KeyPath, terms: Sequence[BoundTerm], clock: Clock
) -> Aggregator | None:
    """The aggregator of a stage whose ``terms`` are computed at some step; None if it has none, or one that failed."""
    if table.aggregate is None:
        return None
    path = (*stage_path, "aggregate")
    aggregator: Aggregator | None = builder.build(table.aggregate, path)
    trained = [term for term in terms if not term.monitor]
    if aggregator is None or not trained:
        return None
    name, place = table.aggregate.use, builder.document.value_place((*path, "use"))
    _report_negative_terms(builder, aggregator, name, trained)
    try:
        with builder.collect_errors(place), attribute_errors(f"aggregator {name!r}", ValueError):
            aggregator.start([term.label for term in trained], clock)
            return aggregator
    except ValueError as error:
        builder.report(f"aggregator {name!r}: {error}", place, code="aggregator-terms")
    return None


def _report_negative_terms(builder: Builder, aggregator: Aggregator, name: str, terms: Iterable[BoundTerm]) -> None:
    for term in terms if aggregator.nonnegative_values else ():
        low, high = term.loss.bounds
        if low < 0:
            bounds = f"[{low:g}, {high:g}]"
            text = f"{term.label}: aggregator {name!r} needs values of at least 0, and {term.use} is in {bounds}"
            hint = "set monitor = true, move the term to a stage without this aggregator, or use another loss"
            builder.report(text, term.place, hint, code="aggregator-terms")
