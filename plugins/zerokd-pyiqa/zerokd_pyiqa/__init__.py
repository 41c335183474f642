"""zerokd-pyiqa: a record of each component. This module imports nothing heavy."""

from zerokd import LossSpec, MetricSpec, hookimpl

ZEROKD_API = 1


@hookimpl
def zerokd_metrics() -> list[MetricSpec]:
    return [
        MetricSpec(
            "lpips", target="zerokd_pyiqa.lpips:Lpips", summary="distance of two images in a network's features"
        ),
        MetricSpec(
            "niqe", target="zerokd_pyiqa.niqe:Niqe", summary="distance from the statistics of clean natural photos"
        ),
    ]


@hookimpl
def zerokd_losses() -> list[LossSpec]:
    return [
        LossSpec("nlpd", target="zerokd_pyiqa.losses:Nlpd", summary="distance of normalised Laplacian pyramids"),
        LossSpec("vsi", target="zerokd_pyiqa.losses:Vsi", summary="one minus similarity of salient parts"),
    ]
