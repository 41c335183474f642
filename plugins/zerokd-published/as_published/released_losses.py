"""Losses as released, to hold against the proofs: `zerokd check RECIPE --plugin released_losses.py`.

The formulas are those of the released code of each method, per image where that is possible; nothing trains on them.
"""

from __future__ import annotations

from typing import Literal, final

from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Loss, LossSpec, Port, hookimpl

BT601 = ((0.257, -0.148, 0.439), (0.564, -0.291, -0.368), (0.098, 0.439, -0.071))  # RGB to YCbCr, by row
LIGHT = Port("the estimated light", range=(0.0, 1.0), grad=True, default="student.illumination")
LOW = Port("the low-light input", range=(0.0, 1.0), default="low", channels=3)


@final
class ReleasedColor(Loss):
    """Colour constancy of Zero-DCE and Zero-DCE++: the root of a sum of fourth powers, with the root's gradient."""

    ports = {
        "enhanced": Port("the enhanced image", range=(0.0, 1.0), grad=True, default="student.enhanced", channels=3)
    }

    def forward(self, *, enhanced: Tensor) -> Tensor:
        red, green, blue = enhanced.mean(dim=(2, 3)).unbind(1)
        return ((red - green) ** 4 + (red - blue) ** 4 + (green - blue) ** 4) ** 0.5


@final
class ReleasedRatio(Loss):
    """The second term of PairLIE's reflectance loss: no least light in the denominator."""

    ports = {
        "reflectance": Port("the estimated reflectance", range=(0.0, 1.0), grad=True, default="student.reflectance"),
        "image": Port("the projected image", range=(0.0, 1.0), grad=True, default="student.projected"),
        "illumination": Port("its estimated light", range=(0.0, 1.0), default="student.illumination"),
    }

    def forward(self, *, reflectance: Tensor, image: Tensor, illumination: Tensor) -> Tensor:
        return (reflectance - image / illumination).square().mean(dim=(1, 2, 3))


@final
class ReleasedSmoothness(Loss):
    """Smoothness of the illumination in SCI and RUAS: 24 neighbours, weighted by colours.

    ``sci`` has sigma 10. ``ruas`` has sigma 0.1, but multiplies by its square instead of dividing, and multiplies the
    weight of each pixel by the mean difference of the whole map. Both take three neighbouring numbers in memory for one
    colour, which in (N, 3, H, W) are three pixels of a row.
    """

    class Config(zerokd.Config):
        form: Literal["sci", "ruas"] = Field("sci", description="whose code")
        sigma: float = Field(10.0, gt=0.0, le=10.0, description="10 in SCI's code, 0.1 in both papers and RUAS's code")

    ports = {"illumination": LIGHT, "low": LOW}

    def min_size(self) -> int:
        return 3

    def forward(self, *, illumination: Tensor, low: Tensor) -> Tensor:
        sigma, is_ruas = self.config.sigma, self.config.form == "ruas"
        factor = -0.5 * sigma * sigma if is_ruas else -1 / (2 * sigma * sigma)
        colors = (low.reshape(-1, 3) @ low.new_tensor(BT601)).reshape(low.shape)
        total = illumination.new_zeros(len(low))
        for down, right in ((i, j) for i in range(-2, 3) for j in range(-2, 3) if i or j):
            color_step = shift_difference(colors, down, right).square().sum(1, keepdim=True)
            steps = shift_difference(illumination, down, right).abs()
            size = steps.mean(dim=(1, 2, 3), keepdim=True) if is_ruas else steps.sum(1, keepdim=True)
            total = total + ((color_step * factor).exp() * size).mean(dim=(1, 2, 3))
        return total


def shift_difference(image: Tensor, down: int, right: int) -> Tensor:
    """Each pixel minus its neighbour at this offset."""
    height, width = image.shape[-2:]
    rows, columns = slice(max(-down, 0), height - max(down, 0)), slice(max(-right, 0), width - max(right, 0))
    moved = image[..., rows.start + down : rows.stop + down, columns.start + right : columns.stop + right]
    return image[..., rows, columns] - moved


@final
class Relativistic(Loss):
    """The student's half of EnlightenGAN's game: its scores against the mean score of the real images of the batch."""

    ports = {
        "fake": Port("scores of the student's images", grad=True, default="critic(student.enhanced).score"),
        "real": Port("scores of real images", default="critic(reference).score"),
    }

    def forward(self, *, fake: Tensor, real: Tensor) -> Tensor:
        of_fake = (fake - real.mean() - 1).square().flatten(1).mean(1)
        of_real = (real - fake.mean()).square().flatten(1).mean(1)
        return (of_fake + of_real) / 2


@hookimpl
def zerokd_losses() -> list[LossSpec]:
    names = {"released_color": "ReleasedColor", "released_ratio": "ReleasedRatio"}
    names |= {"released_smoothness": "ReleasedSmoothness", "relativistic": "Relativistic"}
    return [LossSpec(name, target=f"{__name__}:{loss}", summary="as released") for name, loss in names.items()]
