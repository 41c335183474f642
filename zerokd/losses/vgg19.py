"""VGG-19 up to a layer, and the source of its weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zerokd.errors import Problem, WeightsError

VGG19_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # (channels, convolutions) of configuration E
# every ReLU, and its index in torchvision's ``features``: two layers a convolution, one a pooling after each block
RELU_NAMES = [f"relu{block}_{i}" for block, (_, count) in enumerate(VGG19_BLOCKS, 1) for i in range(1, count + 1)]
RELU_INDICES = dict(zip(RELU_NAMES, (1, 3, 6, 8, 11, 13, 15, 17, 20, 22, 24, 26, 29, 31, 33, 35), strict=True))
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # the weights expect normalised images
IMAGENET_WEIGHTS_BYTES = 574_673_361  # of torchvision's file


def build_layers(count: int) -> nn.Sequential:
    """Build the first ``count`` layers, with uninitialised weights."""
    layers: list[nn.Module] = []
    in_channels = 3
    for channels, convolutions in VGG19_BLOCKS:
        for _ in range(convolutions):
            layers += [_build_convolution(in_channels, channels), nn.ReLU(inplace=True)]
            in_channels = channels
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers[:count])


def _build_convolution(in_channels: int, out_channels: int) -> nn.Conv2d:
    # a layer's own initialisation would draw from the global generator, and to_empty() imports sympy, half a second
    layer = nn.Conv2d(in_channels, out_channels, 3, padding=1, device="meta")
    layer.weight = nn.Parameter(torch.empty(layer.weight.shape))
    layer.bias = nn.Parameter(torch.empty(out_channels))
    return layer


def randomize_weights(layers: nn.Sequential, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for name, weight in layers.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(weight)
        else:
            nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)


def imagenet_weights_url() -> str:
    """Return the address of torchvision's weights.

    Raises:
        WeightsError: torchvision is missing, or does not match the installed torch.
    """
    try:
        from torchvision.models import VGG19_Weights  # type: ignore[import-untyped]
    except (ImportError, RuntimeError) as error:  # the latter: a torchvision built for another torch
        hint = "pip install --upgrade torchvision, in the version that matches the installed torch"
        raise WeightsError(Problem(f"ImageNet weights need torchvision: {error}", hints=(hint,))) from error
    return str(VGG19_Weights.IMAGENET1K_V1.url)


def random_crop(side: int, *images: Tensor) -> tuple[Tensor, ...]:
    """Crop the same random square from each image; an image that is smaller stays whole."""
    height, width = images[0].shape[2:]
    top, left = (int(torch.randint(max(0, size - side) + 1, ())) for size in (height, width))
    return tuple(image[:, :, top : top + side, left : left + side] for image in images)
