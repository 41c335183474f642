"""Built-in observers: one file each, and its record here.

May import zerokd's public names.
"""

from zerokd import ObserverSpec, hookimpl


@hookimpl
def zerokd_observers() -> list[ObserverSpec]:
    return []
