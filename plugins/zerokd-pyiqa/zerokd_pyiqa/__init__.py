"""zerokd-pyiqa: what it brings to zerokd. Nothing heavy is imported here."""

from zerokd import MetricSpec, hookimpl

ZEROKD_API = 1


@hookimpl
def zerokd_metrics() -> list[MetricSpec]:
    return [
        MetricSpec("lpips", target="zerokd_pyiqa.lpips:Lpips", summary="how different two pictures look to a network"),
        MetricSpec("niqe", target="zerokd_pyiqa.niqe:Niqe", summary="how unlike a clean natural photo it looks"),
    ]
