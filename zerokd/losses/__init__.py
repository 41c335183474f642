"""Built-in losses: one file each, and its record here.

May import plugin/, files/ (for weights) and zerokd's public names.
"""

from zerokd import LossSpec, hookimpl


@hookimpl
def zerokd_losses() -> list[LossSpec]:
    return [
        LossSpec(
            "adversarial",
            target="zerokd.losses.adversarial:Adversarial",
            summary="images that a critic takes for real, the student's half",
        ),
        LossSpec(
            "color_constancy", target="zerokd.losses.color_constancy:ColorConstancy", summary="a grey mean colour"
        ),
        LossSpec(
            "contrastive",
            target="zerokd.losses.contrastive:Contrastive",
            summary="towards the teacher, away from the student's moving average",
        ),
        LossSpec(
            "discrimination",
            target="zerokd.losses.discrimination:Discrimination",
            summary="real images scored high and the student's low, the critic's half",
        ),
        LossSpec(
            "exposure_control",
            target="zerokd.losses.exposure_control:ExposureControl",
            summary="one brightness for all",
        ),
        LossSpec(
            "feature_matching", target="zerokd.losses.feature_matching:FeatureMatching", summary="MSE of features"
        ),
        LossSpec(
            "gradient_penalty",
            target="zerokd.losses.gradient_penalty:GradientPenalty",
            summary="the gradient of scores at an image, held to a size",
        ),
        LossSpec("l1", target="zerokd.losses.l1:L1", summary="mean absolute difference of two tensors"),
        LossSpec("mse", target="zerokd.losses.mse:Mse", summary="mean squared difference of two tensors"),
        LossSpec(
            "multi_region_exposure",
            target="zerokd.losses.multi_region_exposure:MultiRegionExposure",
            summary="a target brightness each for dark, mid and bright regions",
        ),
        LossSpec(
            "parameter_norm",
            target="zerokd.losses.parameter_norm:ParameterNorm",
            summary="mean size of a model's parameters",
        ),
        LossSpec("saturation", target="zerokd.losses.saturation:Saturation", summary="distance to the mean colour"),
        LossSpec(
            "spatial_consistency",
            target="zerokd.losses.spatial_consistency:SpatialConsistency",
            summary="preserved differences between neighbouring regions",
        ),
        LossSpec("ssim", target="zerokd.losses.ssim:SsimLoss", summary="1 - structural similarity"),
        LossSpec("total_variation", target="zerokd.losses.total_variation:TotalVariation", summary="smooth curve maps"),
        LossSpec(
            "vgg_perceptual", target="zerokd.losses.vgg_perceptual:VggPerceptual", summary="MSE of VGG-19 features"
        ),
    ]
