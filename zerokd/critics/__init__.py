"""Built-in critics: one file each, and its record here.

May import zerokd's public names.
"""

from zerokd import CriticSpec, hookimpl


@hookimpl
def zerokd_critics() -> list[CriticSpec]:
    return [
        CriticSpec("patch", target="zerokd.critics.patch:Patch", summary="a few strided convolutions: a score a patch"),
    ]
