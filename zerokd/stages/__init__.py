"""Built-in stages: one file each, and its record here.

May import zerokd's public names.
"""

from zerokd import StageSpec, hookimpl


@hookimpl
def zerokd_stages() -> list[StageSpec]:
    return [
        StageSpec(
            "self_supervised",
            target="zerokd.stages.self_supervised:SelfSupervised",
            summary="the student alone, on zero-reference losses",
        ),
        StageSpec(
            "denoising",
            target="zerokd.stages.denoising:Denoising",
            summary="the student alone, on images with simulated camera noise",
        ),
        StageSpec(
            "distillation",
            target="zerokd.stages.distillation:Distillation",
            summary="the student under a frozen teacher and its own moving average",
        ),
        StageSpec(
            "supervised", target="zerokd.stages.supervised:Supervised", summary="the student on well-lit references"
        ),
    ]
