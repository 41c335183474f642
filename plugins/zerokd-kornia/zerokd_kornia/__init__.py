"""zerokd-kornia: a record of each component. This module imports nothing heavy."""

from zerokd import LossSpec, hookimpl

ZEROKD_API = 1

LOSSES = (  # the name, the class, the summary
    ("cauchy", "Cauchy", "logarithm of squared differences"),
    ("dssim", "Dssim", "half of one minus structural similarity"),
    ("edge_aware_smoothness", "EdgeAwareSmoothness", "a map that is smooth where an image is"),
    ("geman_mcclure", "GemanMcclure", "squared differences that saturate"),
    ("ms_ssim_l1", "MsSsimL1", "structural similarity at scales, and absolute differences"),
    ("mutual_information", "MutualInformation", "minus the information that two images share"),
    ("normalized_mutual_information", "NormalizedMutualInformation", "minus the share of information in common"),
    ("pseudo_huber", "PseudoHuber", "squared differences that grow linearly when large"),
    ("psnr", "Psnr", "minus the peak signal-to-noise ratio, in dB"),
    ("total_variation_l1", "TotalVariationL1", "absolute differences of neighbouring pixels"),
    ("welsch", "Welsch", "squared differences that saturate exponentially"),
)


@hookimpl
def zerokd_losses() -> list[LossSpec]:
    return [
        LossSpec(name, target=f"zerokd_kornia.losses:{class_name}", summary=summary)
        for name, class_name, summary in LOSSES
    ]
