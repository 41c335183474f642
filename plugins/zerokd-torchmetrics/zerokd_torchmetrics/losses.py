"""Losses of torchmetrics, each from one declaration. What its code cannot do is in ``known_failures``."""

from __future__ import annotations

import math

from pydantic import Field
from torchmetrics.functional import image as library

import zerokd
from zerokd import Port
from zerokd_torchmetrics import functions


def make_ports(channels: int | None) -> dict[str, Port]:
    """The ports of a loss that needs so many channels; None: any number."""
    return {
        "prediction": Port(
            "the student's image", range=(0.0, 1.0), grad=True, default="student.enhanced", channels=channels
        ),
        "target": Port(
            "what it should be", range=(0.0, 1.0), default="teacher.enhanced", like="prediction", channels=channels
        ),
    }


PORTS, COLOUR_PORTS = make_ports(None), make_ports(3)
OFFSET = Field(ge=0.0, description="added to both images, so that black has a value; torchmetrics has no such argument")
BLACK = "torchmetrics 1.9.0 divides by {1}: {0} is nan for a black x"
ROOT = "torchmetrics 1.9.0 takes the root of an error of 0: the gradient of {0} is NaN for every x"

UniversalImageQuality = zerokd.wrap_loss(
    library.universal_image_quality_index,
    name="UniversalImageQuality",
    ports=PORTS,
    about="Rewards the target's local brightness, contrast and structure, relative to their own size: no constants.",
    source="Wang and Bovik, IEEE SPL 2002, by torchmetrics 1.9.0.",
    pitfalls="it is `ssim` without the constants that protect dark and flat regions: there it compares noise. Two "
    "black images have the value 1, not 0.",
    as_loss="1 - value",
    fixed={"reduction": "none"},
    reduces_batch=False,
    min_size=11,
    bounds=(0.0, 2.0),
    best_on=("identical",),
    worsens_with=("noise", "blur"),
    known_failures={
        "bounds": "torchmetrics 1.9.0 divides two rounding errors where images are flat: "
        "universal_image_quality_index(x, x) is -6.4 for x = torch.full((1, 1, 16, 16), 0.7)"
    },
)

SpectralAngle = zerokd.wrap_loss(
    functions.spectral_angle,
    ports=COLOUR_PORTS,
    about="Rewards the target's colours, whatever their brightness: the angle between both, in radians.",
    formula="mean of $\\arccos(x \\cdot y / (|x| |y|))$ over pixels: ``torchmetrics.spectral_angle_mapper``",
    source="Yuhas et al., JPL Airborne Geoscience Workshop 1992, by torchmetrics 1.9.0.",
    pitfalls="black has no colour: set `offset = 0.01`, which makes dark colours greyer. In float32 equal colours may "
    "be 0.0003 apart.",
    config={"offset": OFFSET},
    reduces_batch=False,
    bounds=(0.0, math.pi / 2),
    best_on=("identical",),
    worsens_with=("cast",),
    known_failures=dict.fromkeys(
        ("finite_values", "bounds", "finite_gradients"),
        "torchmetrics 1.9.0 divides by a length of 0: spectral_angle_mapper(x, x) and its gradient are nan for "
        "a black x",
    ),
)

Ergas = zerokd.wrap_loss(
    functions.ergas,
    ports=PORTS,
    about="Rewards small errors in each channel, relative to the channel's mean: dark images count as bright ones.",
    formula="$\\frac{100}{r} \\sqrt{\\mathrm{mean}_c (\\mathrm{RMSE}_c / \\mu_c)^2}$, $\\mu_c$ the target's mean, "
    "$r$ ``ratio``: ``torchmetrics.error_relative_global_dimensionless_synthesis``",
    source="Wald, Fusion of Earth Data 2000, by torchmetrics 1.9.0.",
    pitfalls="ratio compares resolutions in remote sensing; here it is a factor, and the default gives 25 for an error "
    "as large as the mean. A channel that is 0 everywhere has no value: set `offset`.",
    config={"ratio": Field(gt=0.0, description="the value is divided by it"), "offset": OFFSET},
    finite_gradient=True,
    reduces_batch=False,
    best_on=("identical",),
    worsens_with=("noise", "blur", "darkening"),
    known_failures={
        **dict.fromkeys(
            ("finite_values", "bounds"),
            BLACK.format("error_relative_global_dimensionless_synthesis(x, x)", "a mean of 0"),
        ),
        "finite_gradients": ROOT.format("error_relative_global_dimensionless_synthesis(x, x)"),
    },
)

SlidingWindowRmse = zerokd.wrap_loss(
    library.root_mean_squared_error_using_sliding_window,
    name="SlidingWindowRmse",
    ports=PORTS,
    about="Rewards small errors in every window: many small ones count more than in the mean of squares.",
    source="the root of the squared error in windows, as sewar computes it, by torchmetrics 1.9.0.",
    pitfalls="windows at the borders, window_size/2 pixels, do not count.",
    fixed={"return_rmse_map": False},
    config={"window_size": Field(ge=2, description="side of the window, pixels")},
    finite_gradient=True,
    min_size=lambda config: 2 * round(config.window_size / 2) + 1,
    bounds=(0.0, 1.0),
    best_on=("identical",),
    worsens_with=("noise", "blur", "darkening"),
    known_failures={"finite_gradients": ROOT.format("root_mean_squared_error_using_sliding_window(x, x)")},
)

Rase = zerokd.wrap_loss(
    functions.rase,
    ports=PORTS,
    about="Rewards small errors in every window, relative to the window's mean.",
    formula="mean of $\\frac{100 w^2}{\\mu} \\sqrt{\\mathrm{mean}_c \\mathrm{RMSE}_c^2}$ over windows of side $w$, "
    "$\\mu$ the target's mean there: ``torchmetrics.relative_average_spectral_error``",
    source="Ranchin and Wald, PE&RS 2000, by torchmetrics 1.9.0. *Differs:* torchmetrics, like sewar, divides the mean "
    "by the window's area a second time, so the value is window_size^2 times the published one: 64 times at 8.",
    pitfalls="divide its weight by window_size^2 to compare with the paper. A window of 0 has no value: set `offset`.",
    config={"window_size": Field(ge=2, description="side of the window, pixels"), "offset": OFFSET},
    finite_gradient=True,
    min_size=lambda config: 2 * round(config.window_size / 2) + 1,
    best_on=("identical",),
    worsens_with=("noise", "blur", "darkening"),
    known_failures={
        **dict.fromkeys(
            ("finite_values", "bounds"), BLACK.format("relative_average_spectral_error(x, x)", "a mean of 0")
        ),
        "finite_gradients": ROOT.format("relative_average_spectral_error(x, x)"),
    },
)

SpatialCorrelation = zerokd.wrap_loss(
    library.spatial_correlation_coefficient,
    name="SpatialCorrelation",
    ports=PORTS,
    about="Rewards the target's details: correlation of both images after a Laplacian, in windows.",
    source="Zhou et al., IJRS 1998, by torchmetrics 1.9.0.",
    pitfalls="brightness, colour and contrast of details are free. Flat windows count as uncorrelated. torchmetrics "
    "computes it in float32, float64 images too.",
    as_loss="1 - value",
    fixed={"reduction": "none"},
    config={"window_size": Field(ge=2, description="side of the window, pixels")},
    finite_gradient=True,
    reduces_batch=False,
    min_size=lambda config: config.window_size,
    bounds=(0.0, 2.0),
    best_on=("identical",),
    worsens_with=("noise", "blur"),
    known_failures={
        "finite_gradients": "torchmetrics 1.9.0 takes the root of a variance of 0: the gradient of "
        "spatial_correlation_coefficient(x, x) is NaN for a black x",
    },
)

SpectralDistortion = zerokd.wrap_loss(
    library.spectral_distortion_index,
    name="SpectralDistortion",
    ports=COLOUR_PORTS,
    about="Rewards the target's relations between channels: their mutual quality indices, before and after.",
    source="Alparone et al., PE&RS 2008 (D-lambda), by torchmetrics 1.9.0.",
    pitfalls="one number for each pair of channels of the whole image: it says nothing of where. torchmetrics sums "
    "in float32, float64 images too.",
    fixed={"reduction": "elementwise_mean"},
    config={"p": Field(ge=1, description="power of the differences")},
    min_size=11,
    best_on=("identical",),
)

LogCosh = zerokd.wrap_loss(
    functions.log_cosh,
    ports=PORTS,
    about="Rewards a prediction near its target: half the square of small differences, absolute large ones.",
    formula="mean of $\\log\\cosh d$, $d$ the difference: ``torchmetrics.log_cosh_error`` of the flattened images",
    source="the definition, by torchmetrics 1.9.0.",
    pitfalls="differences of images in [0, 1] are small: it is half of `mse` there. In float32 a difference of 0.0001 "
    "has the value 0, though not the gradient 0.",
    best_on=("identical",),
    worsens_with=("noise", "blur", "darkening"),
)

MeanSquaredLogError = zerokd.wrap_loss(
    functions.mean_squared_log_error,
    ports=PORTS,
    about="Rewards a prediction near its target; a difference counts more in the dark, up to four times.",
    formula="mean of $(\\log(1 + x) - \\log(1 + y))^2$: ``torchmetrics.mean_squared_log_error``",
    source="the definition, by torchmetrics 1.9.0.",
    pitfalls="values in [0, 1] use the flat part of the logarithm: it is no logarithm of exposure.",
    bounds=(0.0, math.log(2) ** 2),
    best_on=("identical",),
    worsens_with=("noise", "blur", "darkening"),
)

SymmetricPercentageError = zerokd.wrap_loss(
    functions.symmetric_percentage_error,
    ports=PORTS,
    about="Rewards small differences relative to the values themselves: dark pixels count as bright ones.",
    formula="mean of $2 |x - y| / (|x| + |y|)$: ``torchmetrics.symmetric_mean_absolute_percentage_error``",
    source="Makridakis, International Journal of Forecasting 1993; in rendering as SMAPE; by torchmetrics 1.9.0.",
    pitfalls="the smallest difference from black costs 2, all there is, and black against black has a slope of 1.7e6: "
    "set `offset = 0.01`, which bounds it.",
    config={"offset": OFFSET},
    bounds=(0.0, 2.0),
    best_on=("identical",),
    worsens_with=("noise", "blur", "darkening"),
)

ConcordanceCorrelation = zerokd.wrap_loss(
    functions.concordance_correlation,
    ports=PORTS,
    about="Rewards correlation of all values with the target's, at the same mean and contrast.",
    formula="$1 - \\frac{2 \\sigma_{xy}}{\\sigma_x^2 + \\sigma_y^2 + (\\mu_x - \\mu_y)^2}$ over pixels and channels: "
    "``1 - torchmetrics.concordance_corrcoef`` of the flattened images",
    source="Lin, Biometrics 1989, by torchmetrics 1.9.0.",
    pitfalls="an image of one value has none. Errors count relative to the contrast of both images.",
    as_loss="1 - value",
    bounds=(0.0, 2.0),
    best_on=("identical",),
    worsens_with=("noise", "blur"),
    known_failures={
        **dict.fromkeys(
            ("finite_values", "bounds", "finite_gradients"),
            "torchmetrics 1.9.0 returns NaN for a variance near 0: concordance_corrcoef(x, y) is nan for a flat x or y",
        ),
        **dict.fromkeys(
            ("no_host_sync", "moves", "compiles"),
            "torchmetrics 1.9.0 reads variances on the host, to warn of small ones",
        ),
    },
)
