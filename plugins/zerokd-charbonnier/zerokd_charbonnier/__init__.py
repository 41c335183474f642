"""zerokd-charbonnier: what it brings to zerokd, one record each. Nothing heavy is imported here."""

from zerokd import LossSpec, hookimpl

ZEROKD_API = 1  # the plugin API that this is written for


@hookimpl
def zerokd_losses() -> list[LossSpec]:
    return [
        LossSpec(
            "charbonnier",
            target="zerokd_charbonnier.charbonnier:Charbonnier",
            summary="a smooth absolute difference",
        ),
    ]
