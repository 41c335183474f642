"""Structural similarity."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field, field_validator
from torch import Tensor

import zerokd
from zerokd import Loss, Port

K1, K2 = 0.01, 0.03  # the paper's stabilising constants, as shares of the data range


def ssim(prediction: Tensor, target: Tensor, window: int = 11, sigma: float = 1.5, data_range: float = 1.0) -> Tensor:
    """Mean structural similarity under a window around every pixel, per image; the border is mirrored.

    Args:
        prediction: (N, C, H, W), more than half a ``window`` high and wide.
        target: the same shape.
        window: side of the Gaussian window, pixels, odd.
        sigma: its standard deviation, pixels.
        data_range: greatest minus least value an image may have.

    Returns:
        (N,), in [-1, 1]; 1 when both are equal.
    """
    kind = torch.promote_types(prediction.dtype, torch.float32)  # a variance has too few digits left in half precision
    x, y = prediction.to(kind), target.to(kind)
    rows, columns = (_blur(size, window, sigma, x) for size in x.shape[2:])
    # variances do not change under a shift; without it they are small differences of large numbers
    shift_x, shift_y = x.mean(dim=(2, 3), keepdim=True).detach(), y.mean(dim=(2, 3), keepdim=True).detach()
    x, y = x - shift_x, y - shift_y
    mean_x, mean_y, xx, yy, xy = (rows @ image @ columns.T for image in (x, y, x * x, y * y, x * y))
    variances, covariance = (xx - mean_x.square()) + (yy - mean_y.square()), xy - mean_x * mean_y
    mean_x, mean_y = mean_x + shift_x, mean_y + shift_y
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    brightness = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return (brightness * structure).mean(dim=(1, 2, 3))


def _blur(size: int, window: int, sigma: float, like: Tensor) -> Tensor:
    """(size, size): row i holds the Gaussian weights of the window around pixel i, folded back at the border.

    As a matrix product the blur is several times faster than as a convolution, and never rounded to TF32.
    """
    offset = torch.arange(window, device=like.device) - window // 2
    weights = torch.softmax(-(offset.to(like.dtype) / sigma).square() / 2, dim=0)
    sources = (torch.arange(size, device=like.device).unsqueeze(1) + offset).abs()
    sources = size - 1 - (size - 1 - sources).abs()
    return like.new_zeros(size, size).scatter_add_(1, sources, weights.expand(size, -1))


@final
class Ssim(Loss):
    r"""Rewards the target's local structure (mean, contrast, correlation), against blur that a pixel error forgives.

    Formula: $1 - \mathrm{mean}\,\frac{(2\mu_x\mu_y + c_1)(2\sigma_{xy} + c_2)}{(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 +
    \sigma_y^2 + c_2)}$ under a Gaussian window, $c_1 = (0.01 L)^2$, $c_2 = (0.03 L)^2$, $L$ the ``data_range``.
    Returns: (N,), in [0, 2], 0 exactly when prediction equals target.
    Scale: mean over channels, height and width.
    Source: Wang et al., IEEE TIP 2004; equal to the defaults of torchmetrics 1.9 with ``data_range=1``, which mirrors
    the border. *Differs:* the released script takes the data range from each batch, so its value for one image depends
    on the others.
    Pitfalls: on noisy pictures it rewards smoothing. In dark flat regions both constants decide, and a small absolute
    error costs much.

    Example:
        >>> import torch
        >>> Ssim()(prediction=torch.zeros(1, 3, 16, 16), target=torch.ones(1, 3, 16, 16))
        tensor([0.9999])
    """

    class Config(zerokd.Config):
        window: int = Field(11, ge=3, le=101, description="side of the Gaussian window, pixels, odd")
        sigma: float = Field(1.5, gt=0.0, le=50.0, description="standard deviation of the window, pixels")
        data_range: float = Field(1.0, gt=0.0, description="greatest minus least value an image may have")

        @field_validator("window")
        @classmethod
        def _odd(cls, window: int) -> int:
            if window % 2 == 0:
                raise ValueError(f"must be odd, so that the window has a centre: {window - 1} or {window + 1}")
            return window

    ports = {
        "prediction": Port("the student's image", range=(0.0, 1.0), grad=True, default="student.enhanced"),
        "target": Port("what it should be", range=(0.0, 1.0), default="teacher.enhanced", like="prediction"),
    }
    bounds = (0.0, 2.0)
    best_on = ("identical",)
    worsens_with = ("noise", "blur", "flattening", "darkening")

    def min_size(self) -> int:
        return self.config.window

    def forward(self, *, prediction: Tensor, target: Tensor) -> Tensor:
        config = self.config
        return 1 - ssim(prediction, target, config.window, config.sigma, config.data_range)
