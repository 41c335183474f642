"""zerokd-weighting: a record of each component. This module imports nothing heavy."""

from zerokd import AggregatorSpec, hookimpl

ZEROKD_API = 1


@hookimpl
def zerokd_aggregators() -> list[AggregatorSpec]:
    return [
        AggregatorSpec(
            "dwa",
            target="zerokd_weighting.dwa:Dwa",
            summary="factors from how fast each term's value falls from epoch to epoch",
        ),
        AggregatorSpec(
            "gradnorm",
            target="zerokd_weighting.gradnorm:Gradnorm",
            summary="factors that even out the terms' gradient norms and training rates",
        ),
        AggregatorSpec(
            "relobralo",
            target="zerokd_weighting.relobralo:Relobralo",
            summary="factors from each term's value relative to its last and its first one",
        ),
        AggregatorSpec(
            "uncertainty",
            target="zerokd_weighting.uncertainty:Uncertainty",
            summary="factors from a learned variance of each term",
        ),
    ]
