"""VGG-19's layers against torchvision's."""

import pytest
import torch
from torch import nn

from zerokd.losses.vgg19 import IMAGENET_WEIGHTS_BYTES, RELU_INDICES, build_layers, imagenet_weights_url

ADDRESS = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"


def test_layers_stand_where_torchvision_has_them():
    torchvision = pytest.importorskip("torchvision", exc_type=(ImportError, RuntimeError))
    with torch.device("meta"):
        features = torchvision.models.vgg19().features
    names, block, count = {}, 1, 0
    for index, layer in enumerate(features):
        if isinstance(layer, nn.ReLU):
            count += 1
            names[f"relu{block}_{count}"] = index
        elif isinstance(layer, nn.MaxPool2d):
            block, count = block + 1, 0
    assert names == RELU_INDICES
    ours = build_layers(36)
    assert list(map(repr, ours)) == [repr(layer) for layer in features[: len(ours)]]


def test_the_address_is_torchvisions():
    pytest.importorskip("torchvision", exc_type=(ImportError, RuntimeError))
    from torchvision.models import VGG19_Weights

    assert imagenet_weights_url() == ADDRESS
    assert round(IMAGENET_WEIGHTS_BYTES / 2**20, 3) == VGG19_Weights.IMAGENET1K_V1.meta["_file_size"]
