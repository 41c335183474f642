"""zerokd-torchjd: a record of each component. This module imports nothing heavy."""

from zerokd import AggregatorSpec, hookimpl

ZEROKD_API = 1


@hookimpl
def zerokd_aggregators() -> list[AggregatorSpec]:
    return [
        AggregatorSpec(
            "pcgrad",
            target="zerokd_torchjd.pcgrad:Pcgrad",
            summary="the sum of gradients without their conflicting components",
        ),
        AggregatorSpec(
            "upgrad",
            target="zerokd_torchjd.upgrad:Upgrad",
            summary="the sum of gradients projected to harm no other",
        ),
    ]
