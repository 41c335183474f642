"""Built-in optimizers: one file each, and its record here.

May import zerokd's public names.
"""

from zerokd import OptimizerSpec, hookimpl


@hookimpl
def zerokd_optimizers() -> list[OptimizerSpec]:
    return [
        OptimizerSpec("adam", target="zerokd.optimizers.adam:Adam", summary="Adam with coupled L2 decay, the default"),
        OptimizerSpec("adamw", target="zerokd.optimizers.adamw:AdamW", summary="Adam with decoupled weight decay"),
        OptimizerSpec(
            "lion", target="zerokd.optimizers.lion:Lion", summary="the sign of an interpolated momentum, one moment"
        ),
        OptimizerSpec(
            "sgd", target="zerokd.optimizers.sgd:Sgd", summary="gradient descent, with momentum or Nesterov's"
        ),
        OptimizerSpec("torch", target="zerokd.optimizers.torch:Torch", summary="any class of torch.optim, by its name"),
    ]
