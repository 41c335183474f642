"""zerokd-torchmetrics: a record of each component. This module imports nothing heavy."""

from zerokd import LossSpec, hookimpl

ZEROKD_API = 1

LOSSES = (  # the name, the class, the summary
    ("concordance_correlation", "ConcordanceCorrelation", "one minus the concordance of two images' values"),
    ("ergas", "Ergas", "error of each channel relative to its mean"),
    ("log_cosh", "LogCosh", "logarithm of the hyperbolic cosine of differences"),
    ("mean_squared_log_error", "MeanSquaredLogError", "squared differences of logarithms"),
    ("rase", "Rase", "error in windows relative to their mean"),
    ("sliding_window_rmse", "SlidingWindowRmse", "root of the squared error in windows"),
    ("spatial_correlation", "SpatialCorrelation", "one minus correlation of details in windows"),
    ("spectral_angle", "SpectralAngle", "angle between colours"),
    ("spectral_distortion", "SpectralDistortion", "changed similarities between channels"),
    ("symmetric_percentage_error", "SymmetricPercentageError", "differences relative to the values"),
    ("universal_image_quality", "UniversalImageQuality", "one minus brightness, contrast and structure in common"),
)


@hookimpl
def zerokd_losses() -> list[LossSpec]:
    return [
        LossSpec(name, target=f"zerokd_torchmetrics.losses:{class_name}", summary=summary)
        for name, class_name, summary in LOSSES
    ]
