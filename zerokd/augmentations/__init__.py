"""Built-in augmentations: one file each, and its record here.

May import zerokd's public names.
"""

from zerokd import AugmentationSpec, hookimpl


@hookimpl
def zerokd_augmentations() -> list[AugmentationSpec]:
    return [
        AugmentationSpec("flip", target="zerokd.augmentations.flip:Flip", summary="mirrors an image"),
        AugmentationSpec(
            "random_crop", target="zerokd.augmentations.random_crop:RandomCrop", summary="a part of an image"
        ),
        AugmentationSpec(
            "random_flip", target="zerokd.augmentations.random_flip:RandomFlip", summary="mirrors some images"
        ),
        AugmentationSpec(
            "random_gamma",
            target="zerokd.augmentations.random_gamma:RandomGamma",
            summary="gamma correction with a random exponent",
        ),
    ]
