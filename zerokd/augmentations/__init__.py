"""Built-in augmentations: one file each, one line here."""

from zerokd import AugmentationSpec, hookimpl


@hookimpl
def zerokd_augmentations() -> list[AugmentationSpec]:
    return []
