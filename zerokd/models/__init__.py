"""Built-in models: one file each, one line here."""

from zerokd import ModelSpec, hookimpl


@hookimpl
def zerokd_models() -> list[ModelSpec]:
    return []
