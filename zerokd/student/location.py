"""The file of a student: one of the package, one of a run, or weights of another program for a known model."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from zerokd.errors import WeightsError

if TYPE_CHECKING:  # torch takes seconds, and paths do without it
    from zerokd.plugin.catalogue import Catalogue

DEFAULT_STUDENT = "best"
BUNDLED = "bundled"  # the default student; after a model's name, the weights that its plugin ships


@frozen
class BundledStudent:
    """A student in the package: its name, its file in ``zerokd.assets``, and what it is for.

    ``psnr`` (dB) and ``ssim`` are means over 60 pairs of LOL, against the well-lit references.
    """

    name: str
    file_name: str
    summary: str
    psnr: float
    ssim: float
    licence: str = "Apache-2.0"

    @property
    def path(self) -> Path:
        return Path(str(files("zerokd.assets").joinpath(self.file_name)))


BUNDLED_STUDENTS = {
    student.name: student
    for student in (
        BundledStudent("best", "auto_exposure.safetensors", "exposes each image and removes its noise", 19.20, 0.804),
        BundledStudent("fidelity", "nano_dce.safetensors", "the closest small copy of the teacher", 12.86, 0.479),
        BundledStudent("teacher", "zero_dce_pp.safetensors", "Zero-DCE++, the teacher of the recipes", 12.97, 0.490),
    )
}


def resolve_student_file(
    location: str | Path, plugins: Iterable[str | Path] = (), catalogue: Catalogue | None = None
) -> Path:
    """The file of a student.

    Args:
        location: ``best``, ``fidelity`` or ``teacher``, of the package; the path of a student's file, or of its run
            folder; or ``MODEL:FILE``, weights of another program, which are converted once. ``bundled`` is ``best``.
            ``~`` is the home folder, and ``./best`` a file of that name.
        plugins: one-file plugins with the model, as for ``--plugin``.
        catalogue: the components, if they are known already.

    Raises:
        WeightsError: no such user has a home folder, or the weights do not fit their model.
        RecipeError: a plugin is broken, or the model has no bundled weights.
    """
    name = DEFAULT_STUDENT if location == BUNDLED else str(location)
    if isinstance(location, str) and name in BUNDLED_STUDENTS:
        return BUNDLED_STUDENTS[name].path
    try:
        path = Path(location).expanduser()
    except RuntimeError as error:
        raise WeightsError(f"cannot find {str(location)!r}: {error}") from error
    if ":" in str(location) and not os.path.exists(path):
        from zerokd.student.foreign_weights import convert_foreign_weights

        return convert_foreign_weights(str(location), plugins, catalogue) or path
    inside = path / "student.safetensors"
    return inside if os.path.isfile(inside) else path  # unlike Path.is_file, never raises
