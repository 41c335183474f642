"""Built-in feature adapters: one file each, one line here."""

from zerokd import AdapterSpec, hookimpl


@hookimpl
def zerokd_adapters() -> list[AdapterSpec]:
    return []
