"""Built-in metrics: one file each, one line here."""

from zerokd import MetricSpec, hookimpl


@hookimpl
def zerokd_metrics() -> list[MetricSpec]:
    return [
        MetricSpec("psnr", target="zerokd.metrics.psnr:Psnr", summary="peak signal-to-noise ratio, in dB"),
        MetricSpec("ssim", target="zerokd.metrics.ssim:Ssim", summary="structural similarity"),
    ]
