"""Built-in losses: one file each, and its line here.

May import plugin/, files/ (for weights) and zerokd's public names.
"""

from zerokd import LossSpec, hookimpl

LOSSES = (  # the name, which is that of the file too, the class, the summary
    ("adversarial", "Adversarial", "images that a critic takes for real, the student's half"),
    ("color_constancy", "ColorConstancy", "a grey mean colour"),
    ("consistency", "Consistency", "two outputs of the student that should be equal"),
    ("contrastive", "Contrastive", "towards the teacher, away from the student's moving average"),
    ("discrimination", "Discrimination", "real images scored high and the student's low, the critic's half"),
    ("exposure_control", "ExposureControl", "one brightness for all"),
    ("feature_matching", "FeatureMatching", "MSE of features"),
    ("gradient_penalty", "GradientPenalty", "the gradient of scores at an image, held to a size"),
    ("l1", "L1", "mean absolute difference of two tensors"),
    ("mse", "Mse", "mean squared difference of two tensors"),
    ("multi_region_exposure", "MultiRegionExposure", "a target brightness each for dark, mid and bright regions"),
    ("parameter_norm", "ParameterNorm", "mean size of a model's parameters"),
    ("saturation", "Saturation", "distance to the mean colour"),
    ("spatial_consistency", "SpatialConsistency", "preserved differences between neighbouring regions"),
    ("ssim", "SsimLoss", "1 - structural similarity"),
    ("total_variation", "TotalVariation", "smooth curve maps"),
    ("vgg_perceptual", "VggPerceptual", "MSE of VGG-19 features"),
)


@hookimpl
def zerokd_losses() -> list[LossSpec]:
    return [LossSpec(name, target=f"{__name__}.{name}:{class_name}", summary=text) for name, class_name, text in LOSSES]
