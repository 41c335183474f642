"""PatchGAN: a score for each patch of an image."""

from __future__ import annotations

from itertools import pairwise
from typing import final

from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

import zerokd
from zerokd import Critic

SLOPE = 0.2  # of the leaky ReLU below 0


@final
class Patch(Critic):
    """Convolutions that halve the resolution, then one score for each of the remaining pixels.

    ``spectral`` divides each convolution's weight by its largest singular value, so that scores cannot change faster
    than the image times a constant. There is no batch normalisation: an image's score depends on this image alone.
    Source: Isola et al.: Image-to-image translation with conditional adversarial networks, CVPR 2017 (patches);
    Miyato et al.: Spectral normalization for generative adversarial networks, ICLR 2018.

    Example:
        >>> import torch
        >>> Patch(width=8, depth=2)(torch.rand(2, 3, 32, 32)).shape
        torch.Size([2, 1, 8, 8])
    """

    class Config(zerokd.Config):
        width: int = Field(
            16, ge=1, le=512, description="channels of the first convolution; each further one has twice"
        )
        depth: int = Field(3, ge=1, le=6, description="convolutions of stride 2: a score for each 2**depth pixels")
        spectral: bool = Field(True, description="spectral normalisation of each convolution")

    def __init__(self, **options: object):
        super().__init__(**options)
        widths = [3, *(self.config.width * 2**level for level in range(self.config.depth))]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [self._normalize(nn.Conv2d(inputs, outputs, 4, 2, 1)), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers, self._normalize(nn.Conv2d(widths[-1], 1, 3, 1, 1)))

    def _normalize(self, convolution: nn.Conv2d) -> nn.Module:
        return spectral_norm(convolution) if self.config.spectral else convolution

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.layers(image)
        return scores
