"""A Retinex enhancer for zerokd: one file per component, and its record here."""

from zerokd import LossSpec, ModelSpec, hookimpl


@hookimpl
def zerokd_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            "retinex",
            target="zerokd_retinex.retinex:Retinex",
            summary="low / illumination, 445 weights",
            bundled="zerokd_retinex:retinex.safetensors",
        ),
    ]


@hookimpl
def zerokd_losses() -> list[LossSpec]:
    return [
        LossSpec(
            "illumination_fidelity",
            target="zerokd_retinex.illumination_fidelity:IlluminationFidelity",
            summary="an illumination near the input",
        ),
        LossSpec(
            "illumination_smoothness",
            target="zerokd_retinex.illumination_smoothness:IlluminationSmoothness",
            summary="an illumination that changes only where the input does",
        ),
    ]
