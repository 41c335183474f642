"""Structural similarity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, final

import torch
from pydantic import Field, field_validator
from torch import Tensor

import zerokd
from zerokd import Loss, Port

CPU_BLOCK_ROWS, GPU_BLOCK_ROWS = 32, 128  # of a band matrix: a GPU prefers fewer launches to fewer zeros
MAX_CACHED_MATRICES = 8
K1, K2 = 0.01, 0.03  # the paper's stabilising constants, as shares of the data range

_MATRIX_CACHE: dict[tuple[object, ...], Tensor] = {}


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
    return _ssim_from_statistics(prediction, local_statistics(target, window, sigma), window, sigma, data_range)


def local_statistics(image: Tensor, window: int, sigma: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return an image minus its mean, that mean (N, C, 1, 1), and the local mean and variance of the first; the other
    three have the shape of ``image``.

    A shift does not change a variance, and avoids a small difference of large numbers.
    """
    wide = image.to(torch.promote_types(image.dtype, torch.float32))  # a variance leaves few digits in half precision
    shift = wide.mean(dim=(2, 3), keepdim=True).detach()
    rest = wide - shift
    mean = _blur(rest, window, sigma)
    return rest, shift, mean, _blur(rest * rest, window, sigma) - mean.square()


def _ssim_from_statistics(
    prediction: Tensor, target: Sequence[Tensor], window: int, sigma: float, data_range: float
) -> Tensor:
    (x, shift_x, mean_x, variance_x), (y, shift_y, mean_y, variance_y) = (
        local_statistics(prediction, window, sigma),
        target,
    )
    covariance = _blur(x * y, window, sigma) - mean_x * mean_y
    mean_x, mean_y = mean_x + shift_x, mean_y + shift_y
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    brightness = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return (brightness * structure).mean(dim=(1, 2, 3))


def _blur(image: Tensor, window: int, sigma: float) -> Tensor:
    """The Gaussian mean around every pixel."""
    rows, columns = (_blur_matrix(size, window, sigma, image) for size in image.shape[2:])
    # transposed: of a square image both are one matrix, which a compiler wants to see once
    blurred: Tensor = _BandedProduct.apply(image, rows, columns.T, window // 2)
    return blurred


class _BandedProduct(torch.autograd.Function):
    """rows @ image @ columns for band matrices, 0 beyond ``reach`` from their diagonal: products of blocks along the
    diagonal cost only the band, forward and backward."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, rows: Tensor, columns: Tensor, reach: int) -> Tensor:
        ctx.save_for_backward(rows, columns)
        ctx.reach = reach
        (height, width), block = image.shape[2:], CPU_BLOCK_ROWS if image.device.type == "cpu" else GPU_BLOCK_ROWS
        lines = image.reshape(-1, width)
        across = torch.cat(
            [lines[:, a:b] @ columns[a:b, i:j] for i, j, a, b in _band_blocks(width, reach, block)], dim=1
        )
        across = across.view(-1, height, width)
        down = [rows[i:j, a:b] @ across[:, a:b] for i, j, a, b in _band_blocks(height, reach, block)]
        return torch.cat(down, dim=1).view(image.shape)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        rows, columns = ctx.saved_tensors
        return _BandedProduct.apply(grad_output, rows.T, columns.T, ctx.reach), None, None, None


def _band_blocks(size: int, reach: int, block: int) -> Iterator[tuple[int, int, int, int]]:
    """First and last row of each block, and of the columns that are not 0 in it."""
    for start in range(0, size, block):
        end = min(size, start + block)
        yield start, end, max(0, start - reach), min(size, end + reach)


def _blur_matrix(size: int, window: int, sigma: float, like: Tensor) -> Tensor:
    """(size, size): row i holds the Gaussian weights of the window around pixel i, folded back at the border.

    As a matrix product the blur is several times faster than as a convolution, and never rounded to TF32. It is
    cached, since on small images building it takes as long as the products.
    """
    key = size, window, sigma, like.dtype, like.device
    if key in _MATRIX_CACHE:
        return _MATRIX_CACHE[key]
    with torch.inference_mode(False):
        offset = torch.arange(window, device=like.device) - window // 2
        weights = torch.softmax(-(offset.to(like.dtype) / sigma).square() / 2, dim=0)
        sources = (torch.arange(size, device=like.device).unsqueeze(1) + offset).abs()
        sources = size - 1 - (size - 1 - sources).abs()
        zeros = torch.zeros(size, size, dtype=like.dtype, device=like.device)
        matrix = zeros.scatter_add_(1, sources, weights.expand(size, -1))
    if type(matrix) is Tensor:  # tracing gives subclasses, which must not be cached
        while len(_MATRIX_CACHE) >= MAX_CACHED_MATRICES:
            del _MATRIX_CACHE[next(iter(_MATRIX_CACHE))]
        _MATRIX_CACHE[key] = matrix
    return matrix


@final
class SsimLoss(Loss):
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
        >>> SsimLoss()(prediction=torch.zeros(1, 3, 16, 16), target=torch.ones(1, 3, 16, 16))
        tensor([0.9999])
    """

    class Config(zerokd.Config):
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
    bounds = (0.0, 2.0)
    best_on = ("identical",)
    worsens_with = ("noise", "blur", "flattening", "darkening")

    def min_size(self) -> int:
        return self.config.window

    def forward(self, *, prediction: Tensor, target: Tensor) -> Tensor:
        return self.compare(*self.prepare(target=target), prediction=prediction)

    def prepare(self, *, target: Tensor) -> tuple[Tensor, ...]:
        """Return the local statistics of the target."""
        return local_statistics(target, self.config.window, self.config.sigma)

    def compare(self, *target: Tensor, prediction: Tensor) -> Tensor:
        """Return the value per image, from the local statistics of the target."""
        config = self.config
        return 1 - _ssim_from_statistics(prediction, target, config.window, config.sigma, config.data_range)
