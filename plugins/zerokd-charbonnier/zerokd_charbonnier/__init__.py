"""zerokd-charbonnier: a record of each component. This module imports nothing heavy."""

from zerokd import LossSpec, hookimpl

ZEROKD_API = 1  # the version of the plugin API


@hookimpl
def zerokd_losses() -> list[LossSpec]:
    return [
        LossSpec(
            "charbonnier",
            target="zerokd_charbonnier.charbonnier:Charbonnier",
            summary="a smooth absolute difference",
        ),
    ]
