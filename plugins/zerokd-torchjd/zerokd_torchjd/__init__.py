"""zerokd-torchjd: what it brings to zerokd, one record each. Nothing heavy is imported here."""

from zerokd import AggregatorSpec, hookimpl

ZEROKD_API = 1


@hookimpl
def zerokd_aggregators() -> list[AggregatorSpec]:
    return [
        AggregatorSpec(
            "pcgrad",
            target="zerokd_torchjd.pcgrad:Pcgrad",
            summary="each gradient without what opposes the others, summed",
        ),
        AggregatorSpec(
            "upgrad",
            target="zerokd_torchjd.upgrad:Upgrad",
            summary="each gradient projected to where it harms no other, summed",
        ),
    ]
