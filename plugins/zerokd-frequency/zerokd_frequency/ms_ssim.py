"""Structural similarity at several scales."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional as F

import zerokd
from zerokd import Loss, Port
from zerokd_frequency.widen import widen

EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the paper, from the finest scale on
K1, K2 = 0.01, 0.03  # of the paper
MIN_SIMILARITY = 1e-6  # a mean similarity below it, of opposite structure, has no power


def ms_ssim(
    prediction: Tensor,
    target: Tensor,
    levels: int = 5,
    window: int = 11,
    sigma: float = 1.5,
    data_range: float = 1.0,
) -> Tensor:
    """Product over scales of powers of the mean similarity of structure, and of brightness at the coarsest, per image.

    Args:
        prediction: (N, C, H, W), more than half a ``window`` high and wide at the coarsest scale.
        target: the same shape.
        levels: number of scales; the next one is half as large.
        window: side of the Gaussian window, pixels, odd.
        sigma: its standard deviation, pixels.
        data_range: greatest minus least value an image may have.

    Returns:
        (N,), in [0, 1]; 1 when both are equal.
    """
    chosen = EXPONENTS[:levels]
    exponents = chosen if levels == len(EXPONENTS) else [exponent / sum(chosen) for exponent in chosen]
    x, y, powers = widen(prediction), widen(target), []
    for level, exponent in enumerate(exponents):
        if level:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        brightness, structure = similarity_maps(x, y, window, sigma, data_range)
        similarity = brightness * structure if level == levels - 1 else structure
        powers.append(similarity.mean(dim=(1, 2, 3)).clamp(min=MIN_SIMILARITY).pow(exponent))
    return torch.stack(powers).prod(dim=0)


def similarity_maps(x: Tensor, y: Tensor, window: int, sigma: float, data_range: float) -> tuple[Tensor, Tensor]:
    """The similarity of the local brightness of two images, and of their local contrast and structure, in [-1, 1]."""
    shift_x, shift_y = (image.mean(dim=(2, 3), keepdim=True).detach() for image in (x, y))
    x, y = x - shift_x, y - shift_y  # a variance does not change, and is no small difference of large numbers
    mean_x, mean_y = local_means(x, window, sigma), local_means(y, window, sigma)
    variance_x = local_means(x * x, window, sigma) - mean_x.square()
    variance_y = local_means(y * y, window, sigma) - mean_y.square()
    covariance = local_means(x * y, window, sigma) - mean_x * mean_y
    mean_x, mean_y = mean_x + shift_x, mean_y + shift_y
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    brightness = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return brightness, structure


def local_means(image: Tensor, window: int, sigma: float) -> Tensor:
    """The Gaussian mean around every pixel; the border is mirrored."""
    offsets = torch.arange(window, device=image.device, dtype=image.dtype) - window // 2
    weights = torch.softmax(-(offsets / sigma).square() / 2, dim=0)
    channels = image.shape[1]
    padded = F.pad(image, [window // 2] * 4, mode="reflect")
    rows = F.conv2d(padded, weights.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(rows, weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)


@final
class MsSsim(Loss):
    r"""Rewards the target's local structure at every scale, from fine texture to the shading of whole regions.

    Formula: $1 - l_M^{\beta_M} \prod_{j=1}^{M} s_j^{\beta_j}$, $s_j$ the mean similarity of contrast and structure at
    scale $j$ and $l_M$ that of brightness at the coarsest, inside one mean with $s_M$; both as in ``ssim``.
    Returns: (N,), in [0, 1], 0 exactly when prediction equals target.
    Scale: mean over channels, height and width of each scale.
    Source: Wang et al., Asilomar 2003, with its five exponents; for fewer ``levels`` their sum is scaled to 1.
    *Differs:* the border is mirrored. A mean similarity below 1e-6, which only opposite structure has, counts as 1e-6,
    since a power of a negative number does not exist.
    Pitfalls: it hardly sees a change of brightness or colour of the whole image: use it beside ``l1`` (Zhao et al.,
    IEEE TCI 2017, weigh 0.84 to 0.16). Opposite structure at one scale has no gradient there.

    Example:
        >>> import torch
        >>> MsSsim(levels=2)(prediction=torch.zeros(1, 3, 16, 16), target=torch.ones(1, 3, 16, 16))
        tensor([0.9997])
    """

    class Config(zerokd.Config):
        levels: int = Field(5, ge=1, le=5, description="number of scales; the next one is half as large")
        window: int = Field(11, ge=3, le=101, description="side of the Gaussian window, pixels, odd")
        sigma: float = Field(1.5, gt=0.0, le=50.0, description="standard deviation of the window, pixels")
        data_range: float = Field(1.0, gt=0.0, description="greatest minus least value an image may have")

        @field_validator("window")
        @classmethod
        def _require_odd(cls, window: int) -> int:
            if window % 2 == 0:
                raise ValueError(f"must be odd, so that the window has a centre: {window - 1} or {window + 1}")
            return window

    ports = {
        "prediction": Port("the student's image", range=(0.0, 1.0), grad=True, default="student.enhanced"),
        "target": Port("what it should be", range=(0.0, 1.0), default="teacher.enhanced", like="prediction"),
    }
    bounds = (0.0, 1.0)
    best_on = ("identical",)
    worsens_with = ("noise", "blur", "flattening")
    examples = ({"levels": 2},)  # with five levels and 96 pixels the checks would take minutes
    known_failures = {"gradient_reaches": "two images of noise may have opposite structure, which has no gradient"}

    def min_size(self) -> int:
        coarsest: int = self.config.window // 2 + 1
        return int(coarsest * 2 ** (self.config.levels - 1))

    def forward(self, *, prediction: Tensor, target: Tensor) -> Tensor:
        config = self.config
        return 1 - ms_ssim(prediction, target, config.levels, config.window, config.sigma, config.data_range)
