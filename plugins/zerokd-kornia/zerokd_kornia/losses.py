"""Losses of kornia, each from one declaration. What kornia's code cannot do is in ``known_failures``."""

from __future__ import annotations

import math

from kornia import losses as kornia_losses
from pydantic import Field

import zerokd
from zerokd import Port
from zerokd_kornia import functions

PORTS = {
    "prediction": Port("the student's image", range=(0.0, 1.0), grad=True, default="student.enhanced"),
    "target": Port("what it should be", range=(0.0, 1.0), default="teacher.enhanced", like="prediction"),
}
SCALE = {"scale": Field(gt=0.0, description="size of a difference from which on it counts less than its square")}
NO_SCALE = (
    "kornia has no scale: at 1, differences in [0, 1] count like half their square; set `scale` to what is large."
)
EXAMPLES = ({"scale": 0.1},)
CORRUPTIONS = ("noise", "blur", "darkening")
HISTOGRAM = {
    "num_bins": Field(ge=2, description="bins of the histogram of each channel"),
    "window_radius": Field(gt=0.0, description="bins over which a value spreads"),
}
SELECTS_PIXELS = (
    "kornia 0.9.0 selects pixels by a mask, even where none is passed, which counts them on the host: "
    "mutual_information_loss_2d(x, x) fails for x = torch.zeros(1, 3, 16, 16, device='meta')"
)
SYNC_FAILURES = dict.fromkeys(("no_host_sync", "moves"), SELECTS_PIXELS)

PseudoHuber = zerokd.wrap_loss(
    functions.pseudo_huber,
    ports=PORTS,
    about="Rewards a prediction near its target; differences above `scale` count linearly, so that few large ones "
    "do not dominate.",
    formula="$\\sqrt{(d/s)^2 + 1} - 1$, $d$ the difference, $s$ the scale: ``kornia.charbonnier_loss``",
    source="Charbonnier et al., ICIP 1994, as Barron, CVPR 2019, writes it (alpha = 1), by kornia 0.9.0.",
    pitfalls=f"{NO_SCALE} `charbonnier` is the form of the restoration papers, which is nearly absolute.",
    reduces_batch=False,
    config=SCALE,
    examples=EXAMPLES,
    best_on=("identical",),
    worsens_with=CORRUPTIONS,
)

Cauchy = zerokd.wrap_loss(
    functions.cauchy,
    ports=PORTS,
    about="Rewards a prediction near its target; differences above `scale` count like their logarithm.",
    formula="$\\log((d/s)^2 / 2 + 1)$, $d$ the difference, $s$ the scale: ``kornia.cauchy_loss``",
    source="Black and Anandan, CVIU 1996, as Barron, CVPR 2019, writes it (alpha = 0), by kornia 0.9.0.",
    pitfalls=NO_SCALE,
    reduces_batch=False,
    config=SCALE,
    examples=EXAMPLES,
    best_on=("identical",),
    worsens_with=CORRUPTIONS,
)

GemanMcclure = zerokd.wrap_loss(
    functions.geman_mcclure,
    ports=PORTS,
    about="Rewards a prediction near its target; differences far above `scale` count alike, as outliers.",
    formula="$2 (d/s)^2 / ((d/s)^2 + 4)$, $d$ the difference, $s$ the scale: ``kornia.geman_mcclure_loss``",
    source="Geman and McClure 1985, as Barron, CVPR 2019, writes it (alpha = -2), by kornia 0.9.0.",
    pitfalls=f"{NO_SCALE} Its gradient vanishes for large differences: a student that starts far away stays there.",
    reduces_batch=False,
    config=SCALE,
    examples=EXAMPLES,
    bounds=(0.0, 2.0),
    best_on=("identical",),
    worsens_with=CORRUPTIONS,
)

Welsch = zerokd.wrap_loss(
    functions.welsch,
    ports=PORTS,
    about="Rewards a prediction near its target; differences above `scale` soon count alike, as outliers.",
    formula="$1 - \\exp(-(d/s)^2 / 2)$, $d$ the difference, $s$ the scale: ``kornia.welsch_loss``",
    source="Dennis and Welsch 1978, as Barron, CVPR 2019, writes it (alpha to -infinity), by kornia 0.9.0.",
    pitfalls=f"{NO_SCALE} Its gradient vanishes for large differences: a student that starts far away stays there.",
    reduces_batch=False,
    config=SCALE,
    examples=EXAMPLES,
    bounds=(0.0, 1.0),
    best_on=("identical",),
    worsens_with=CORRUPTIONS,
)

Psnr = zerokd.wrap_loss(
    functions.psnr,
    ports=PORTS,
    about="Rewards a high peak signal-to-noise ratio: minus its decibels.",
    formula="$-10 \\log_{10}(1 / \\mathrm{MSE})$ of each image: ``kornia.psnr_loss(prediction, target, 1.0)``",
    source="the definition, by kornia 0.9.0.",
    pitfalls="the gradient grows without limit as the error shrinks, and equal images have none: an image that is "
    "nearly right outweighs all others. `highest` stops it at so many dB; with `finite_gradient`, equal images get 0.",
    config={"highest": Field(gt=0.0, description="dB from which on the value is constant; kornia has no such limit")},
    finite_gradient=True,
    bounds=(-math.inf, 0.0),
    best_on=("identical",),
    worsens_with=CORRUPTIONS,
    known_failures={
        "finite_values": "kornia 0.9.0 divides by an error of 0: psnr_loss(x, x, 1.0) is -inf",
        "finite_gradients": "kornia 0.9.0 divides by an error of 0: the gradient of psnr_loss(x, x, 1.0) is NaN",
    },
)

Dssim = zerokd.wrap_loss(
    functions.dssim,
    ports=PORTS,
    about="Rewards the target's local brightness, contrast and structure: structural dissimilarity.",
    formula="$(1 - \\mathrm{SSIM}) / 2$: ``kornia.ssim_loss(prediction, target, window_size)``",
    source="Wang et al., IEEE TIP 2004, by kornia 0.9.0.",
    pitfalls="half of what `ssim` gives, over windows that reflect the image at its borders; sigma is 1.5 for "
    "every window_size.",
    config={"window_size": Field(description="side of the window, pixels")},
    reduces_batch=False,
    min_size=lambda config: config.window_size // 2 + 1,
    bounds=(0.0, 1.0),
    best_on=("identical",),
    worsens_with=CORRUPTIONS,
    known_failures={
        "moves": "kornia 0.9.0 enters torch.autocast for the images' device, which the device meta does not have: "
        "ssim_loss(x, x, 11) fails for x = torch.zeros(1, 3, 16, 16, device='meta')"
    },
)

MsSsimL1 = zerokd.wrap_loss(
    kornia_losses.MS_SSIMLoss,
    name="MsSsimL1",
    ports=PORTS,
    about="Rewards the target's structure at five scales, and its values: the mix that the paper trained with.",
    formula="$c\\,(a\\,(1 - \\mathrm{MS\\text{-}SSIM}) + (1 - a)\\,G * |d|)$, $G$ the widest window, $d$ the "
    "difference, $a$ ``alpha``, $c$ ``compensation``: ``kornia.MS_SSIMLoss``",
    source="Zhao et al., IEEE TCI 2017, by kornia 0.9.0. *Differs:* alpha is 0.025 in kornia, 0.84 in the paper.",
    pitfalls="kornia multiplies by 200: set `compensation = 1.0` to compare its weight with that of other losses. "
    "Windows of 33 pixels see zeros beyond the border, where differences count half.",
    fixed={"reduction": "none", "data_range": 1.0, "K": (0.01, 0.03)},
    config={
        "alpha": Field(ge=0.0, le=1.0, description="share of structure; the rest is that of absolute differences"),
        "compensation": Field(gt=0.0, description="factor of the value"),
    },
    examples=({"alpha": 0.84, "compensation": 1.0},),
    reduces_batch=False,
    best_on=("identical",),
    worsens_with=CORRUPTIONS,
)

TotalVariationL1 = zerokd.wrap_loss(
    kornia_losses.total_variation,
    name="TotalVariationL1",
    ports={"image": Port("the curve map or image to be smooth", grad=True, default="student.curve_map")},
    about="Rewards a map of few steps: it may jump, but not ripple.",
    formula="mean absolute difference of vertical neighbours plus that of horizontal neighbours: "
    "``kornia.total_variation(image, reduction='mean')``",
    source="Rudin et al., Physica D 1992, anisotropic, by kornia 0.9.0.",
    pitfalls="kornia sums over the pixels by default; this is its mean. Against `total_variation`, which squares, a "
    "step costs the same as a ramp of its height.",
    fixed={"reduction": "mean"},
    reduces_batch=False,
    min_size=2,
    best_on=("constant",),
    worsens_with=("noise",),
)

EdgeAwareSmoothness = zerokd.wrap_loss(
    kornia_losses.inverse_depth_smoothness_loss,
    name="EdgeAwareSmoothness",
    ports={
        "map": Port("the curve map or illumination to be smooth", grad=True, default="student.curve_map"),
        "image": Port("where its edges may be", range=(0.0, 1.0), default="low"),
    },
    about="Rewards a map that is smooth where an image is, against halos at its edges.",
    formula="mean of $|\\partial m|\\,e^{-|\\partial I|}$, vertical and horizontal, $|\\partial I|$ averaged over "
    "channels: ``kornia.inverse_depth_smoothness_loss(map, image)``",
    source="Godard et al., CVPR 2017, for depth, by kornia 0.9.0.",
    pitfalls="in [0, 1] the strongest edge still counts exp(-1) = 0.37, and edges of a dark image count in full.",
    min_size=2,
    best_on=("constant",),
    worsens_with=("noise",),
)

MutualInformation = zerokd.wrap_loss(
    kornia_losses.mutual_information_loss_2d,
    name="MutualInformation",
    ports=PORTS,
    about="Rewards information about one image in the other, channel by channel, whatever the tones are mapped to.",
    formula="$H(x, y) - H(x) - H(y)$ of a soft joint histogram, in nats: ``kornia.mutual_information_loss_2d``",
    source="Viola and Wells, IJCV 1997; Xu et al. 2008 for the histogram; by kornia 0.9.0.",
    pitfalls="each channel is stretched to its own minimum and maximum, so brightness and contrast are free, as is "
    "a negative. It takes num_bins numbers per pixel. A channel of one value has no gradient.",
    config=HISTOGRAM,
    reduces_batch=False,
    bounds=(-math.inf, 0.0),
    known_failures=SYNC_FAILURES,
)

NormalizedMutualInformation = zerokd.wrap_loss(
    kornia_losses.normalized_mutual_information_loss_2d,
    name="NormalizedMutualInformation",
    ports=PORTS,
    about="Rewards information in common as a share of all, channel by channel, whatever the tones are mapped to.",
    formula="$-(H(x) + H(y)) / H(x, y)$ of a soft joint histogram: ``kornia.normalized_mutual_information_loss_2d``",
    source="Studholme et al., Pattern Recognition 1999, by kornia 0.9.0.",
    pitfalls="as `mutual_information`. -1 where nothing is in common; even equal images stay above -2.",
    config=HISTOGRAM,
    reduces_batch=False,
    bounds=(-2.0, -1.0),
    known_failures=SYNC_FAILURES,
)
