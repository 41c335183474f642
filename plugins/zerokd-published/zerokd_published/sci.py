"""SCI: a cascade of one illumination network whose inputs a second network calibrates."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor, nn

import zerokd
from zerokd import Model, Signal


@final
class Sci(Model):
    r"""Estimates the illumination $x$ of a photo $y$ in stages that share one network; the enhanced image is $y / x_1$.

    Formula: $x_t = \max(f, \min(1, v_t + H(v_t)))$ and $v_{t+1} = y + z_t - K(z_t)$, within [0, 1], with $v_1 = y$ and
    $z_t = \min(1, y / x_t)$; $H$ and $K$ end in sigmoids, $f$ the ``floor``.
    All stages train together, so that the first one learns to be as good as the last. The enhanced image needs the
    first one alone, 252 of 5,775 weights. Terms read the light and the input of stage $t$ as ``illumination_t`` and
    ``calibrated_t``, of stage 1 as ``illumination`` and the data's ``low``.
    Source: Ma et al.: Toward Fast, Flexible, and Robust Low-Light Image Enhancement (SCI, CVPR 2022), and its released
    code: $H$ of 3 convolutions of 3 channels, $K$ of 16 channels, one block three times. *Differs:* there is no
    normalisation over the batch, whose output for an image depends on the others; borders are repeated; and $v$ stays
    in [0, 1], where the published one reaches from -1 to 2.
    Pitfalls: a student and its exports compute the outputs of all stages; the published method runs the first alone.

    Example:
        >>> model = Sci()
        >>> sum(weight.numel() for weight in model.illuminate.parameters())
        252
        >>> sorted(model(torch.rand(1, 3, 4, 7)))
        ['calibrated_2', 'calibrated_3', 'enhanced', 'illumination', 'illumination_2', 'illumination_3']
    """

    class Config(zerokd.Config):
        stages: int = Field(3, ge=1, le=8, description="stages of the cascade; with 1, nothing calibrates")
        width: int = Field(3, ge=1, le=256, description="channels of the illumination network")
        calibrator_width: int = Field(16, ge=1, le=256, description="channels of the network that calibrates")
        floor: float = Field(1e-4, gt=0.0, lt=1.0, description="least illumination")

    def __init__(self, **options: object):
        super().__init__(**options)
        self.illuminate = _Residual(self.config.width, blocks=1, convolutions=1)
        if self.config.stages > 1:
            self.calibrate = _Residual(self.config.calibrator_width, blocks=3, convolutions=2)

    def outputs(self) -> dict[str, Signal]:
        light = Signal(range=(self.config.floor, 1.0), unchanged=1.0)
        signals = {"enhanced": Signal(range=(0.0, 1.0)), "illumination": light}
        for stage in range(2, self.config.stages + 1):
            signals |= {f"illumination_{stage}": light, f"calibrated_{stage}": Signal(range=(0.0, 1.0))}
        return signals

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        illumination = self._estimate_illumination(low)
        outputs = {"enhanced": (low / illumination).clamp(max=1.0), "illumination": illumination}
        reflectance = outputs["enhanced"]
        for stage in range(2, self.config.stages + 1):
            calibrated = (low + reflectance - self.calibrate(reflectance)).clamp(0.0, 1.0)
            illumination = self._estimate_illumination(calibrated)
            reflectance = (low / illumination).clamp(max=1.0)
            outputs |= {f"illumination_{stage}": illumination, f"calibrated_{stage}": calibrated}
        return outputs

    def _estimate_illumination(self, image: Tensor) -> Tensor:
        return (image + self.illuminate(image)).clamp(self.config.floor, 1.0)


class _Residual(nn.Module):
    """A convolution, one residual block used ``blocks`` times, a convolution and a sigmoid: (N, 3, H, W) in [0, 1]."""

    def __init__(self, width: int, blocks: int, convolutions: int):
        super().__init__()
        self.blocks = blocks
        self.enter = _make_convolution(3, width)
        self.block = nn.Sequential(
            *(layer for _ in range(convolutions) for layer in (_make_convolution(width, width), nn.ReLU()))
        )
        self.leave = _make_convolution(width, 3)

    def forward(self, image: Tensor) -> Tensor:
        x = torch.relu(self.enter(image))
        for _ in range(self.blocks):
            x = x + self.block(x)
        return torch.sigmoid(self.leave(x))


def _make_convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate")
