"""Built-in augmentations: one file each, and its record here.

May import zerokd's public names.
"""

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
