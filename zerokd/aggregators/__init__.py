"""Built-in aggregators: one file each, and its record here.

May import zerokd's public names.
"""

from zerokd import AggregatorSpec, hookimpl


@hookimpl
def zerokd_aggregators() -> list[AggregatorSpec]:
    return [AggregatorSpec("sum", target="zerokd.aggregators.sum:Sum", summary="the plain sum, to compare others with")]
