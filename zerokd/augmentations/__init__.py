"""Built-in augmentations: one file each, one line here."""

from zerokd import AugmentationSpec, hookimpl


@hookimpl
def zerokd_augmentations() -> list[AugmentationSpec]:
    return [
        AugmentationSpec(
            "random_gamma",
            target="zerokd.augmentations.random_gamma:RandomGamma",
            summary="gamma correction with a random exponent",
        ),
    ]
