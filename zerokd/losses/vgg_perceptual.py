"""Perceptual distance: two images compared by their VGG-19 features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, final

import torch
from attrs import evolve
from pydantic import Field, field_validator
from torch import Tensor, nn

import zerokd
from zerokd import Loss, Port
from zerokd.errors import WeightsError, did_you_mean
from zerokd.files.cache import cache_folder
from zerokd.files.digest import file_sha256
from zerokd.files.download import fetch_tensors
from zerokd.files.weights import expand_weights_path, load_model_state, read_weights
from zerokd.losses import vgg19
from zerokd.losses.mse import mse
from zerokd.losses.per_image import evaluate_per_image, map_per_image
from zerokd.losses.vgg19 import RELU_INDICES, imagenet_weights_url

IMAGE_RANGE = (0.0, 1.0)
RANDOM_CAUTION = 'random VGG-19 features; weights = "imagenet" compares by trained ones, a download of 548 MB (--yes)'
DEFAULT_LAYERS = ("relu1_1", "relu1_2", "relu2_1")


def vgg_perceptual(prediction: Iterable[Tensor], target: Sequence[Tensor]) -> Tensor:
    """Mean squared difference of each pair of feature maps, averaged over the maps, per image.

    Args:
        prediction: feature maps of one image, each (N, C, H, W). An iterator, so that their gradients share memory.
        target: the feature maps of the other image.

    Returns:
        (N,), in [0, inf); exactly 0 when both are equal.
    """
    # channels last, as in memory: strided reads take a GPU ten times as long
    pairs = ((a.movedim(1, -1), b.movedim(1, -1)) for a, b in zip(prediction, target, strict=True))
    return torch.stack([mse(*pair) for pair in pairs]).mean(dim=0)


@final
class VggPerceptual(Loss):
    r"""Rewards edges and textures like the target's, against the blur that a pixel error forgives.

    Formula: $\frac{1}{L}\sum_l \frac{1}{C_l H_l W_l}\|\phi_l(p) - \phi_l(t)\|^2$, $\phi_l$ the output of ReLU $l$ of a
    frozen VGG-19.
    Returns: (N,), in [0, inf), 0 exactly when the features are equal, so when prediction equals target.
    Scale: mean over channels, height and width of each layer, and over layers.
    Source: Johnson et al., ECCV 2016; VGG-19 by Simonyan and Zisserman, ICLR 2015. *Differs:* the released script sums
    its three layers, so has 3 times this scale, and leaves ImageNet's mean and spread in the image; here both are
    removed, as the weights expect. On night photos the default layers give about 6 times the released sum.
    Random weights (He, Wang, Hopcroft, NIPS 2016; Liu et al., CVPR 2021) keep structure, but have another scale.
    Pitfalls: ``weights = "imagenet"`` downloads 548 MB once, if you allow it (``--yes``), and keeps the layers in use,
    1 MB by default. Otherwise ``fallback = "random"`` uses random weights, with a warning. The default layers cost
    57,024 multiplications per pixel and image; the student has 139. With ``crop`` the cost is that of the square,
    new at each step. bfloat16 is about twice as fast on processors that support it.

    Example:
        >>> import torch
        >>> black, white = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
        >>> loss = VggPerceptual(weights="random")
        >>> loss(prediction=black, target=black), bool(loss(prediction=black, target=white) > 1)
        (tensor([0.]), True)
    """

    class Config(zerokd.Config):
        layers: tuple[str, ...] = Field(DEFAULT_LAYERS, min_length=1, description="ReLUs compared, equally weighted")
        weights: str = Field("imagenet", description="imagenet, random, or torchvision's file, .safetensors or .pth")
        fallback: Literal["random"] | None = Field(None, description="what to use if imagenet is unavailable")
        seed: int = Field(0, ge=0, lt=2**63, description="seed of random weights")
        crop: int | None = Field(None, ge=16, description="side of a random square to compare, pixels")
        precision: Literal["float32", "bfloat16"] = Field("float32", description="of the features; see Pitfalls")

        @field_validator("layers")
        @classmethod
        def _require_known_layers(cls, layers: tuple[str, ...]) -> tuple[str, ...]:
            for layer in layers:
                if layer not in RELU_INDICES:
                    raise ValueError(f"VGG-19 has no layer {layer!r}; {did_you_mean(layer, RELU_INDICES)[0]}")
            if len(set(layers)) < len(layers):
                raise ValueError("a layer appears twice")
            return layers

    ports = {
        "prediction": Port("the student's image", IMAGE_RANGE, grad=True, default="student.enhanced", channels=3),
        "target": Port("the target image", IMAGE_RANGE, default="teacher.enhanced", like="prediction", channels=3),
    }
    best_on = ("identical",)
    worsens_with = ("noise", "darkening")
    examples = ({"weights": "random"}, {"weights": "random", "layers": ["relu2_2"]})
    mean: Tensor
    std: Tensor

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.features = vgg19.build_layers(1 + max(RELU_INDICES[layer] for layer in self.config.layers))
        self.register_buffer("mean", torch.tensor(vgg19.IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(vgg19.IMAGENET_STD).view(3, 1, 1), persistent=False)
        self._load_weights(self.config.weights, self.config.seed)
        self.cautions = (RANDOM_CAUTION,) if self.config.weights == "random" else ()
        if self.config.precision == "bfloat16":
            self.features.to(torch.bfloat16)
        if self.config.crop:
            self.prepare = None  # type: ignore[method-assign, assignment]  # features depend on the random square
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> VggPerceptual:
        """Stay in eval mode: the network is frozen."""
        return super().train(False)

    def min_size(self) -> int:
        return 2 ** sum(isinstance(layer, nn.MaxPool2d) for layer in self.features)

    def forward(self, *, prediction: Tensor, target: Tensor) -> Tensor:
        if self.config.crop:
            prediction, target = vgg19.random_crop(self.config.crop, prediction, target)
        return evaluate_per_image(
            lambda a, b: vgg_perceptual(self.feature_maps(a), self._target_maps(b)), prediction, target
        )

    def prepare(self, *, target: Tensor) -> tuple[Tensor, ...]:
        """Return the target's feature maps, in the order of the network."""
        return self._target_maps(target)

    @torch.no_grad()
    def _target_maps(self, target: Tensor) -> tuple[Tensor, ...]:
        return map_per_image(self.feature_maps, target)

    def compare(self, *target: Tensor, prediction: Tensor) -> Tensor:
        """Return the value per image, from the target's feature maps."""
        return evaluate_per_image(
            lambda image, *maps: vgg_perceptual(self.feature_maps(image), maps), prediction, *target
        )

    def feature_maps(self, image: Tensor) -> Iterator[Tensor]:
        indices = {RELU_INDICES[layer] for layer in self.config.layers}
        dtype = next(self.features.parameters()).dtype
        image = ((image - self.mean) / self.std).to(dtype, memory_format=torch.channels_last)
        for index, layer in enumerate(self.features):
            image = layer(image)
            if index in indices:
                yield image

    def _load_weights(self, weights: str, seed: int) -> None:
        vgg19.randomize_weights(self.features, seed)
        self.sources = {"weights": f"random, seed {seed}"}
        try:
            if weights == "imagenet":
                self._load_imagenet()
            elif weights != "random":
                path = expand_weights_path(weights)
                self._load_tensors(read_weights(path)[0], str(path), path)
        except WeightsError as error:
            if weights != "imagenet":  # only imagenet has a fallback
                raise
            if self.config.fallback is None:
                remedy = 'or give weights = "FILE", or allow fallback = "random"'
                problems = [evolve(problem, hints=(*problem.hints, remedy)) for problem in error.problems]
                raise WeightsError(*problems) from error
            self.fallbacks = (f"vgg_perceptual: random weights (seed {seed}), since {error.problems[0].message}",)

    def _load_imagenet(self) -> None:
        url = imagenet_weights_url()
        stem = Path(url).stem  # ends in the first digits of the file's SHA-256
        path = cache_folder() / f"{stem}-{len(self.features)}.safetensors"
        prefix, should_keep = stem.rpartition("-")[2], self.state_dict().__contains__
        self._load_tensors(fetch_tensors(url, prefix, should_keep, path, vgg19.IMAGENET_WEIGHTS_BYTES), url, path)

    def _load_tensors(self, tensors: dict[str, Tensor], source: str, path: Path) -> None:
        load_model_state(self, {name: tensors[name] for name in self.state_dict() if name in tensors}, repr(source))
        self.sources = {"weights": source, "sha256": file_sha256(path)}
