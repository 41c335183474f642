"""Built-in metrics: one file each, and its record here.

May import losses/ and zerokd's public names.
"""

from zerokd import MetricSpec, hookimpl


@hookimpl
def zerokd_metrics() -> list[MetricSpec]:
    return [
        MetricSpec(
            "clipped_share", target="zerokd.metrics.clipped_share:ClippedShare", summary="share of blown-out pixels"
        ),
        MetricSpec("color_cast", target="zerokd.metrics.color_cast:ColorCast", summary="distance from grey on average"),
        MetricSpec(
            "gt_mean_psnr", target="zerokd.metrics.gt_mean_psnr:GtMeanPsnr", summary="PSNR at the target's brightness"
        ),
        MetricSpec(
            "gt_mean_ssim", target="zerokd.metrics.gt_mean_ssim:GtMeanSsim", summary="SSIM at the target's brightness"
        ),
        MetricSpec("psnr", target="zerokd.metrics.psnr:Psnr", summary="peak signal-to-noise ratio, in dB"),
        MetricSpec("ssim", target="zerokd.metrics.ssim:SsimMetric", summary="structural similarity"),
    ]
