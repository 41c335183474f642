"""zerokd-tensorboard: a record of each component. This module imports nothing heavy."""

from zerokd import ObserverSpec, hookimpl

ZEROKD_API = 1


@hookimpl
def zerokd_observers() -> list[ObserverSpec]:
    return [
        ObserverSpec(
            "tensorboard",
            target="zerokd_tensorboard.tensorboard:Tensorboard",
            summary="event files for TensorBoard",
        ),
    ]
