"""zerokd-tensorboard: what it brings to zerokd, one record each. Nothing heavy is imported here."""

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
